"""Learning rate, part of the run that is over, size of the pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.training.presets import preset
from napari_unet.training.schedule import LAST_RATE, learning_rate, part_done
from napari_unet.training.tile_size import (
    SMALLEST_TILE,
    fitting_tile,
    smaller_step,
    smaller_tile,
)


def test_the_rate_rises_holds_and_falls() -> None:
    chosen = preset("live", learning_rate=0.1, warm_up=10, hold=0.5)

    def rate(step: int, done: float, limited: bool = True) -> float:
        return learning_rate(chosen, step, done, limited=limited)

    assert [rate(step, 0) for step in (0, 4, 9, 100)] == pytest.approx([0.01, 0.05, 0.1, 0.1])
    assert [rate(50, done) for done in (0.5, 0.75, 1)] == pytest.approx(
        [0.1, 0.05, 0.1 * LAST_RATE]
    )
    assert rate(50, 0.99, limited=False) == pytest.approx(0.1)


def test_part_of_a_run() -> None:
    assert part_done(30, None, 100, None, 5) == 0
    assert part_done(30, 40, 0, None, 5) == 0.75
    assert part_done(30, None, 18, 40, 4) == 0.5
    assert part_done(30, 40, 39, 40, 4) > 1


def geometry(padding: str = "same", dims: int = 2, depth: int = 4) -> Geometry:
    return registry.geometry("unet", {"padding": padding, "depth": depth}, dims)


def test_tiles_fit_the_images() -> None:
    assert fitting_tile(geometry(), 192, [(512, 512)]) == (192, 192)
    assert fitting_tile(geometry(), 200, [(512, 512)]) == (192, 192)
    assert fitting_tile(geometry(), 192, [(60, 20), (40, 100)]) == (96, 96)
    assert fitting_tile(geometry("valid"), 388, [(512, 512)]) == (388, 388)


def test_tiles_of_volumes_are_smaller_and_flat_where_the_volume_is() -> None:
    assert fitting_tile(geometry(dims=3), 192, [(200, 200, 200)]) == (64, 64, 64)
    assert fitting_tile(geometry(dims=3), 192, [(35, 51, 36)]) == (32, 48, 48)
    assert fitting_tile(geometry(dims=3, depth=1), 16, [(35, 51, 36)]) == (16, 16, 16)


@given(
    side=st.integers(16, 500),
    padding=st.sampled_from(["same", "valid"]),
    depth=st.integers(1, 4),
    dims=st.sampled_from([2, 3]),
)
@settings(max_examples=60, deadline=None)
def test_shrinking_ends_at_small_tiles_the_network_can_make(
    side: int, padding: str, depth: int, dims: int
) -> None:
    shape = geometry(padding, dims, depth)
    tile = fitting_tile(shape, side, [(300,) * dims])
    for _ in range(20):
        assert all(
            n >= b and (n - b) % s == 0
            for n, b, s in zip(tile, shape.base, shape.stride, strict=True)
        )
        if smaller_tile(shape, tile) == tile:
            break
        assert sum(smaller_tile(shape, tile)) < sum(tile)
        tile = smaller_tile(shape, tile)
    assert max(tile) < SMALLEST_TILE + 2 * max(shape.stride)


def test_a_step_shrinks_its_batch_before_its_tile_and_ends() -> None:
    shape = registry.geometry("unet", {}, 2)
    batch, tile = 5, fitting_tile(shape, 192, [(512, 512)])
    first = tile
    for expected in (2, 1):
        batch, tile = smaller_step(shape, batch, tile)
        assert (batch, tile) == (expected, first)
    for _ in range(20):
        before = batch, tile
        batch, tile = smaller_step(shape, batch, tile)
    assert (batch, tile) == before
    assert batch == 1
    assert max(tile) < first[0]
