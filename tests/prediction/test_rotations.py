"""The eight views: all different, and undone exactly."""

from __future__ import annotations

import pytest
import torch

from napari_unet.prediction.rotations import VIEWS, View


@pytest.mark.parametrize("shape", [(1, 2, 5, 5), (1, 2, 4, 7), (1, 2, 3, 4, 7)])
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_undo_is_the_exact_inverse(view: View, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape)
    seen = view.apply(x)
    assert seen.shape[-2:] == (shape[-2:] if view.turns % 2 == 0 else shape[-2:][::-1])
    assert torch.equal(view.undo(seen), x)


def test_eight_different_views_beginning_with_the_image() -> None:
    x = torch.arange(9).reshape(1, 1, 3, 3)
    seen = {tuple(view.apply(x).flatten().tolist()) for view in VIEWS}
    assert len(seen) == len(VIEWS) == 8
    assert torch.equal(VIEWS[0].apply(x), x)


def test_only_y_and_x_turn_in_3d() -> None:
    x = torch.arange(4.0)[:, None, None].expand(1, 1, 4, 3, 3)
    for view in VIEWS:
        assert torch.equal(view.apply(x), x)
