"""Cutting touching objects, checked against h-maxima and drawn shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import h_maxima

from napari_unet.annotations.splitting import (
    DEPTHS,
    SMOOTHING,
    learn_depth,
    oversplit,
    split,
)


def discs(*discs: tuple[float, float, float], size: int = 80, dims: int = 2) -> np.ndarray:
    """Union of discs (y, x, radius), or balls in the middle of z."""
    grid = np.indices((size,) * dims).astype(float)
    mask = np.zeros((size,) * dims, bool)
    for y, x, radius in discs:
        centre = (size / 2,) * (dims - 2) + (y, x)
        mask |= sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) < radius**2
    return mask


@pytest.mark.parametrize("dims", [2, 3])
def test_two_cells_that_touch_are_cut_between_them(dims: int) -> None:
    size = 80 if dims == 2 else 48
    middle = size / 2
    mask = discs((middle, middle - 9, 10), (middle, middle + 9, 10), size=size, dims=dims)
    found = split(mask, 0.75)
    assert ((found > 0) == mask).all()
    assert len(np.unique(found)) == 3
    left = found[..., : int(middle) - 2]
    right = found[..., int(middle) + 2 :]
    assert len(np.unique(left[left > 0])) == len(np.unique(right[right > 0])) == 1


def test_one_cell_stays_whole() -> None:
    for radius in (3, 7.5, 20):
        assert len(np.unique(split(discs((40, 40.5, radius)), 0.75))) == 2


def test_a_deep_enough_depth_cuts_nothing() -> None:
    mask = discs((40, 31, 10), (40, 49, 10))
    assert len(np.unique(split(mask, 20))) == 2


@given(st.integers(0, 2**31), st.sampled_from(DEPTHS))
def test_as_many_objects_as_h_maxima(seed: int, depth: float) -> None:
    generator = np.random.default_rng(seed)
    mask = discs(*((*generator.uniform(0, 60, 2), generator.uniform(3, 10)) for _ in range(12)))
    distance = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(mask).astype(np.float32), SMOOTHING
    )
    found = split(mask, depth)
    assert ((found > 0) == mask).all()
    _, components = ndimage.label(mask)
    _, slightly_less = ndimage.label(h_maxima(distance, depth * 1.02), np.ones((3, 3)))
    _, slightly_more = ndimage.label(h_maxima(distance, depth * 0.98), np.ones((3, 3)))
    objects = len(np.unique(found)) - 1
    # h-maxima of a component that is lower than h vanish; they are objects all the same.
    assert max(components, slightly_less) <= objects <= max(slightly_more, components) + components


def test_empty_and_full_masks() -> None:
    assert not split(np.zeros((5, 6), bool), 1.0).any()
    assert len(np.unique(split(np.ones((5, 6), bool), 1.0))) == 1
    cut, objects = oversplit(np.zeros((5, 6), bool))
    assert objects == 0
    assert not cut.any()
    assert learn_depth(cut, objects) == 0.0


def test_the_depth_leaves_training_objects_whole() -> None:
    round_ones = discs((15, 15, 8), (60, 20, 9), (40, 60, 12))
    cut, objects = oversplit(round_ones)
    assert objects == 3
    assert not cut.any()
    assert learn_depth(cut, objects) == DEPTHS[0]
    dumbbell = discs((40, 20, 12), (40, 60, 12))
    dumbbell[38:43, 20:60] = True
    cut, objects = oversplit(dumbbell)
    assert objects == 1
    assert cut.tolist() == [int(depth < 9) for depth in DEPTHS]  # bodies of 12, a neck of 3
    assert learn_depth(cut, objects) == 9
    assert len(np.unique(split(dumbbell, 9))) == 2
    assert learn_depth(np.ones(len(DEPTHS), int), objects) == 0.0
    assert learn_depth(np.array([9, 1, *[0] * (len(DEPTHS) - 2)]), 100) == DEPTHS[1]


def test_lobed_cells_stay_whole_and_are_cut_where_two_hang_together() -> None:
    y, x = np.mgrid[:120, :260]

    def disc(row: int, column: int, radius: int) -> np.ndarray:
        return (y - row) ** 2 + (x - column) ** 2 <= radius**2

    # A cell has a foot, on a stalk much thinner than both: 6 pixels would cut it off.
    stalk = (abs(y - 60) <= 4) & (x > 20) & (x < 70)
    cell = disc(60, 80, 34) | disc(60, 22, 14) | stalk
    cut, objects = oversplit(cell)
    depth = learn_depth(cut, objects)
    assert depth == 9
    pair = cell | disc(60, 180, 34) | ((abs(y - 60) <= 3) & (x > 100) & (x < 160))
    found = split(pair, depth)
    assert len(np.unique(found)) == 3  # with the background
    assert found[60, 22] == found[60, 80] != found[60, 180]


@pytest.mark.parametrize("gap", [1, 2])
def test_a_filament_beside_a_body_is_not_lost(gap: int) -> None:
    mask = np.zeros((80, 120), bool)
    mask[10:50, 10:110] = True
    mask[50 + gap, 10:110] = True
    found = split(mask, 1.0)
    assert ((found > 0) == mask).all()
    assert len(np.unique(found[50 + gap, 10:110])) == 1
    assert found[50 + gap, 10] != found[20, 20]
    assert oversplit(mask)[1] == 2


def stacked(thickness: float) -> np.ndarray:
    """Two balls that overlap, one above the other, in slices of a thickness."""
    z, y, x = np.meshgrid(np.arange(0, 68, thickness), np.arange(44), np.arange(44), indexing="ij")
    middle = (y - 22) ** 2 + (x - 22) ** 2
    return np.asarray(((z - 22) ** 2 + middle < 196) | ((z - 44) ** 2 + middle < 196))


def test_thick_slices_are_as_thick_as_they_are() -> None:
    for thickness in (1.0, 3.0):
        mask, voxel = stacked(thickness), (thickness, 1.0, 1.0)
        found = split(mask, 1.5, voxel)
        assert len(np.unique(found)) == 3
        assert found[round(22 / thickness), 22, 22] != found[round(44 / thickness), 22, 22]
        cut, objects = oversplit(mask, voxel)
        assert (cut[DEPTHS.index(1.5)], objects) == (1, 1)


def test_cubes_need_no_voxel() -> None:
    mask = discs((24, 18, 8), (24, 31, 8), size=48, dims=3)
    np.testing.assert_array_equal(split(mask, 0.75, (1.0, 1.0, 1.0)), split(mask, 0.75))
