"""The reach of an expansive path, against counts by hand and the usual formula."""

from __future__ import annotations

import pytest

from napari_unet.networks.expansive import Level, Up, contracting_reach, expansive_reach
from napari_unet.networks.geometry import encoder_decoder_geometry


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("convolutions", [1, 2, 3])
def test_it_agrees_with_the_formula_of_the_u(depth: int, convolutions: int) -> None:
    sees = contracting_reach([convolutions] * (depth + 1))
    levels = [*(Level(convolutions, s, Up(2, 2)) for s in sees[:-1]), Level(sees=sees[-1])]
    usual = encoder_decoder_geometry(depth, 2, padded=True, convolutions=convolutions)
    assert expansive_reach(levels) == usual.reach[0]


@pytest.mark.parametrize(
    ("up", "cell", "sources"),
    [
        (Up(2, 2), 4, (2, 2)),
        (Up(2, 2), 5, (2, 2)),
        (Up(4, 2, 1), 4, (1, 2)),
        (Up(4, 2, 1), 5, (2, 3)),
        (Up(3, 2, 1), 4, (2, 2)),
        (Up(3, 2, 1), 5, (2, 3)),
        (Up(16, 8, 4), 11, (0, 1)),
        (Up(16, 8, 4), 12, (1, 2)),
    ],
)
def test_sources_of_a_transposed_convolution(up: Up, cell: int, sources: tuple[int, int]) -> None:
    assert up.sources(cell, cell) == sources


def test_a_skip_connection_may_see_farther_than_what_lies_below() -> None:
    assert expansive_reach([Level(radius=1, sees=9, up=Up(2, 2)), Level(sees=0)]) == 10
