"""Every image is tested once, and never by a network that was trained on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.comparison.folds import by_image
from napari_unet.errors import UserError


@given(st.integers(2, 40), st.integers(2, 10))
def test_folds_share_no_image_and_hold_all(images: int, folds: int) -> None:
    folds = min(folds, images)
    names = [f"a{n}" for n in range(images)]
    found = by_image(names, folds)
    assert sorted(n for fold in found for n in fold) == sorted(names)
    sizes = [len(fold) for fold in found]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1


def test_neighbours_stay_together() -> None:
    assert by_image(["a10", "a9", "a1", "a2"], 2) == [("a1", "a2"), ("a9", "a10")]


@pytest.mark.parametrize("number", [-1, 0, 1, 4])
def test_impossible_numbers(number: int) -> None:
    with pytest.raises(UserError, match="fold"):
        by_image(["a", "b", "c"], number)
