"""Which pieces other programs may feed, and what of the output is good."""

from __future__ import annotations

from typing import Any

import pytest

from napari_unet.model.export.sizes import piece_sizes
from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    ("arguments", "least", "border", "halo"),
    [
        ({"depth": 4}, 188, 92, 0),
        ({"depth": 4, "padding": "same"}, 240, 0, 112),
        ({"depth": 1, "padding": "same"}, 22, 0, 10),
    ],
)
def test_pieces_of_exact_networks(
    arguments: dict[str, Any], dims: int, least: int, border: int, halo: int
) -> None:
    geometry = registry.geometry("unet", arguments, dims)
    sizes = piece_sizes(geometry)
    assert sizes.least == (least,) * dims
    assert sizes.border == (border,) * dims
    assert sizes.halo == (halo,) * dims
    assert sizes.fixed is None
    for size in [sizes.least, *sizes.examples()]:
        geometry.check_input(size)
    assert all(len(set(size)) == dims for size in sizes.examples())


def inexact(window: int | None, dims: int = 2) -> Geometry:
    return Geometry(
        stride=(16,) * dims,
        reach=(10**6,) * dims,
        border=(0,) * dims,
        base=(16,) * dims,
        tile_exact=False,
        window=None if window is None else (window,) * dims,
    )


def test_pieces_of_networks_that_are_not_exact() -> None:
    """The huge reach is no halo: nothing would be left."""
    sizes = piece_sizes(inexact(224))
    assert sizes.fixed == sizes.least == (224, 224)
    assert sizes.halo == (32, 32)
    assert sizes.examples() == [(224, 224)]
    assert sizes.describe() == "an input of 224 x 224 pixels"
    free = piece_sizes(inexact(None))
    assert free.fixed is None
    assert free.least == (256, 256)
    assert free.halo == (32, 32)
    assert piece_sizes(inexact(None, 3)).halo == (0, 0, 0)


def test_description() -> None:
    assert piece_sizes(inexact(None)).describe() == "an input of 256 + k * 16 pixels a side"
    both = Geometry((1, 2, 2), (0, 3, 3), (0, 0, 0), (1, 2, 2))
    assert (
        piece_sizes(both).describe()
        == "an input of (1 + k * 1) x (10 + k * 2) x (10 + k * 2) pixels"
    )
    assert piece_sizes(both).only((1, 12, 12)).describe() == "an input of 1 x 12 x 12 pixels"
