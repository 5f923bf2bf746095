"""Maxima that keep a distance, in planes, cubes and thick slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import peak_local_max

from napari_unet.measurements.peaks import peaks


def hills(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth heights and the components where they are positive."""
    height = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    return height.astype(np.float32), ndimage.label(height > 0)[0]


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 24)])
def test_planes_and_cubes_are_searched_as_before(shape: tuple[int, ...]) -> None:
    height, whole = hills(shape, 0)
    expected = peak_local_max(
        height, min_distance=4, labels=whole, num_peaks=height.size, exclude_border=False
    )
    found = peaks(height, whole, 4.2, np.ones(len(shape)))
    np.testing.assert_array_equal(found, expected)
    if len(shape) == 2:
        np.testing.assert_array_equal(peaks(height, whole, 4.2, np.array([2.0, 1.0])), expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([1.0, 3.5, 6.0]))
def test_thick_slices_are_searched_in_balls(seed: int, apart: float) -> None:
    height, whole = hills((7, 14, 16), seed)
    voxel = np.array([3.0, 1.0, 1.0])
    found = peaks(height, whole, apart, voxel)
    every = np.argwhere(whole > 0)
    slow = set()
    for place in every:
        near = (((every - place) * voxel) ** 2).sum(1) <= apart**2
        same = whole[tuple(every.T)] == whole[tuple(place)]
        top = height[tuple(every[near & same].T)].max()
        # A maximum is one in all directions, corners included.
        box = tuple(slice(max(0, p - 1), p + 2) for p in place)
        if height[tuple(place)] >= max(top, height[box].max()):
            slow.add(tuple(place.tolist()))
    assert {tuple(place) for place in found.tolist()} == slow


def test_one_is_left_of_a_plateau() -> None:
    flat = np.zeros((5, 20, 20), np.float32)
    flat[2, 8:12, 8:12] = 1
    whole = np.ones(flat.shape, int)
    assert len(peaks(flat, whole, 6, np.array([3.0, 1.0, 1.0]))) == 1
    assert not len(peaks(flat, np.zeros_like(whole), 6, np.array([3.0, 1.0, 1.0])))
