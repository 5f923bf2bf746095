"""Holes that are filled and holes that stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_unet.annotations.holes import fill_holes, hole_sizes, learn_largest_hole
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.objects import components


def disc(radius: float, size: int = 80) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return np.asarray(np.hypot(y, x) < radius)


def ring(outer: float, inner: float, size: int = 80) -> np.ndarray:
    """Class map of one ring."""
    return (disc(outer, size) & ~disc(inner, size)).astype(np.uint8)


def test_holes_are_filled_up_to_a_size() -> None:
    open_one = np.ones((5, 5), bool)
    open_one[2, 3:] = False
    mask, hole = ring(15, 5) != 0, int(disc(5).sum())
    assert np.array_equal(fill_holes(mask, hole), disc(15))
    assert np.array_equal(fill_holes(mask, hole - 1), mask)
    assert np.array_equal(fill_holes(mask, 0), mask)
    assert np.array_equal(fill_holes(open_one, 100), open_one)


@pytest.mark.parametrize("degrees", [0, 15, 30, 45, 60])
def test_filling_leaves_thin_oblique_lines_open(degrees: int) -> None:
    y, x = np.mgrid[:80, :80] - 40
    angle = np.deg2rad(degrees)
    cut = disc(35) & ~(abs(x * np.sin(angle) - y * np.cos(angle)) <= 0.5)
    assert np.array_equal(fill_holes(cut, 500), cut)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(9, 11), (5, 6, 7)]).flatmap(lambda s: arrays(bool, s)), st.integers(0, 200)
)
def test_pieces_of_background_are_filled_whole_or_not_at_all(
    mask: np.ndarray, largest: int
) -> None:
    filled = fill_holes(mask, largest)
    assert filled[mask].all()
    border = np.pad(np.zeros([n - 2 for n in mask.shape], bool), 1, constant_values=True)
    pieces, n = ndimage.label(~mask, np.ones((3,) * mask.ndim))
    for number in range(1, n + 1):
        inside = pieces == number
        if inside.sum() <= largest and not (inside & border).any():
            assert filled[inside].all()
        else:
            assert not filled[inside].any()


def test_the_holes_of_objects_are_known() -> None:
    sizes, objects = hole_sizes(ring(20, 8))
    assert sizes.tolist() == [disc(8).sum()]
    assert objects == 1
    sizes, objects = hole_sizes((disc(20) * 1).astype(np.uint8))
    assert (sizes.tolist(), objects) == ([], 1)
    # What lies in the hole does not enclose it.
    island = ring(20, 10) | disc(3)
    sizes, objects = hole_sizes(island.astype(np.uint8))
    assert sizes.tolist() == [(disc(10) & ~disc(3)).sum()]
    assert objects == 2


def test_specks_and_what_nobody_said_are_no_holes() -> None:
    speck = ring(20, 0)
    speck[40, 40] = 0
    assert not hole_sizes(speck)[0].size
    unknown = ring(20, 8)
    unknown[40, 40] = UNLABELLED
    assert not hole_sizes(unknown)[0].size
    unknown[40, 40] = 2  # an object of another class
    assert hole_sizes(unknown)[0].tolist() == [disc(8).sum() - 1]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(12, 13), (5, 6, 7)]), st.integers(0, 2**31), st.floats(0.6, 0.95))
def test_holes_belong_to_the_object_around_them(
    shape: tuple[int, ...], seed: int, part: float
) -> None:
    mask = np.random.default_rng(seed).random(shape) < part
    sizes, objects = hole_sizes(mask.astype(np.uint8))
    whole = components(mask)
    assert objects == whole.max()
    full = np.ones((3,) * mask.ndim)
    holes, n = ndimage.label(~mask, full)
    slow = []
    for number in range(1, objects + 1):
        alone = whole == number
        around = ndimage.binary_fill_holes(alone, full)
        for hole in range(1, n + 1):
            inside = holes == hole
            beside = ndimage.binary_dilation(inside, full)
            if around[inside].all() and alone[beside].any() and 100 * inside.sum() >= alone.sum():
                slow.append(int(inside.sum()))
    assert sorted(sizes.tolist()) == sorted(slow)


def test_as_much_is_filled_as_leaves_true_holes_open() -> None:
    none = np.zeros(0, np.int64)
    assert learn_largest_hole(none, 10, 300.4) == 300
    assert learn_largest_hole(np.array([80, 60, 90]), 3, 300) == 30
    assert learn_largest_hole(np.array([900]), 3, 300) == 300
    assert learn_largest_hole(np.array([1]), 1, 300) == 0
    assert learn_largest_hole(np.array([20, 80]), 100, 300) == 300  # few of many: slips
    assert learn_largest_hole(np.array([20, 80, 90]), 100, 300) == 45
