"""Warping against a slow, obvious version, and its promise: the topology stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.evaluation.em.simple_points import RING, SIMPLE, neighbour_codes
from napari_unet.evaluation.em.warping import warp, warping_error

masks = arrays(bool, (7, 6))
# Few different values, so that many pixels are equally sure and the second order matters.
probabilities = arrays(np.float64, (7, 6), elements=st.integers(0, 10).map(lambda n: n / 10))

EIGHT = np.ones((3, 3), bool)


def is_simple(window: np.ndarray) -> bool:
    """By the definition, with scipy's components of the 3x3 window without its middle."""
    around = np.ones((3, 3), bool)
    around[1, 1] = False
    inside = ndimage.label(window & around)[0]
    sides = [inside[0, 1], inside[1, 0], inside[1, 2], inside[2, 1]]
    _, n_outside = ndimage.label(~window & around, EIGHT)
    return len({n for n in sides if n}) == 1 and n_outside == 1


def slow_warp(
    probability: np.ndarray, truth: np.ndarray, threshold: float, ignore: np.ndarray
) -> np.ndarray:
    source = np.pad(truth, 1)
    target = np.pad(probability > threshold, 1)
    sure = np.pad(np.abs(probability - threshold), 1)
    counts = np.pad(~ignore, 1)
    left = -1
    while True:
        wrong = (source != target) & counts
        if left == wrong.sum():
            return wrong[1:-1, 1:-1]
        left = wrong.sum()
        for y, x in sorted(np.argwhere(wrong), key=lambda at: (-sure[tuple(at)], at[1], at[0])):
            if is_simple(source[y - 1 : y + 2, x - 1 : x + 2]):
                source[y, x] = ~source[y, x]


def topology(mask: np.ndarray) -> tuple[int, int]:
    """Number of objects, and of parts of the background with all around as one of them."""
    padded = np.pad(mask, 1)
    return ndimage.label(padded)[1], ndimage.label(~padded, EIGHT)[1]


def test_table_of_simple_points() -> None:
    for code in range(256):
        window = np.zeros((3, 3), bool)
        for bit, (dy, dx) in enumerate(RING):
            window[1 + dy, 1 + dx] = code >> bit & 1
        assert SIMPLE[code] == is_simple(window), window
        assert neighbour_codes(window)[1, 1] == code
    assert sum(SIMPLE) == 116


@settings(max_examples=40, deadline=None)
@given(probabilities, masks, masks, st.sampled_from([0.25, 0.5, 0.7]))
def test_equals_the_slow_version(
    probability: np.ndarray, truth: np.ndarray, ignore: np.ndarray, threshold: float
) -> None:
    for skipped in (np.zeros_like(ignore), ignore):
        result = warp(probability, truth, threshold, skipped)
        np.testing.assert_array_equal(
            result.mismatches, slow_warp(probability, truth, threshold, skipped)
        )
        np.testing.assert_array_equal(
            result.warped[~skipped],
            ((probability > threshold) ^ result.mismatches)[~skipped],
        )
        np.testing.assert_array_equal(result.warped[skipped], truth[skipped])
        assert topology(result.warped) == topology(truth)


def test_equals_the_slow_version_on_larger_pictures() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros((28, 27), bool)
    for sigma in (1, 2):
        truth = ndimage.gaussian_filter(rng.normal(size=none.shape), sigma) > 0
        smooth = ndimage.gaussian_filter(truth + rng.normal(size=none.shape), sigma)
        probability = (smooth - smooth.min()) / np.ptp(smooth)
        expected = slow_warp(probability, truth, 0.5, none)
        np.testing.assert_array_equal(warp(probability, truth).mismatches, expected)
        assert warping_error(probability, truth) == expected.sum() / truth.size


@settings(max_examples=50, deadline=None)
@given(masks)
def test_perfect_is_zero(truth: np.ndarray) -> None:
    assert warping_error(truth.astype(float), truth) == 0


def test_moved_borders_are_forgiven() -> None:
    truth, moved = np.zeros((2, 20, 20), bool)
    truth[3:12, 3:12] = True
    moved[6:17, 5:15] = True
    assert warping_error(moved.astype(float), truth) == 0


def test_a_merger_costs_one_pixel() -> None:
    truth = np.ones((9, 9), bool)
    truth[:, 4] = False
    open_door = truth.copy()
    open_door[4, 4] = True
    assert warping_error(open_door.astype(float), truth) == 1 / 81
    # Of a membrane that is missing altogether, no pixel can go: each would open the door.
    assert warping_error(np.ones((9, 9)), truth) == 9 / 81


def test_objects_and_holes_that_are_not_there() -> None:
    empty = np.zeros((8, 8))
    dot = empty.copy()
    dot[3, 3] = 1
    assert warping_error(dot, empty) == 1 / 64
    assert warping_error(empty, dot) == 1 / 64
    assert warping_error(1 - dot, empty + 1) == 1 / 64
    assert warping_error(empty, empty) == 0


def test_stacks_are_scored_by_section() -> None:
    rng = np.random.default_rng(1)
    probability, truth = rng.random((3, 12, 12)), rng.random((3, 12, 12)) > 0.5
    by_section = [warping_error(p, t) for p, t in zip(probability, truth, strict=True)]
    assert warping_error(probability, truth) == pytest.approx(np.mean(by_section), abs=1e-15)


def test_ignored_and_wrong_input() -> None:
    empty = np.zeros((4, 4))
    assert np.isnan(warping_error(empty, empty, ignore=np.ones((4, 4), bool)))
    assert np.isnan(warping_error(empty[None], empty[None], ignore=np.ones((1, 4, 4), bool)))
    half = np.zeros((4, 4), bool)
    half[:2] = True
    dots = empty.copy()
    dots[0, 0] = dots[3, 3] = 1
    assert warping_error(dots, empty, ignore=half) == 1 / 8
    with pytest.raises(UserError, match="equal"):
        warping_error(empty, empty[:2])
    with pytest.raises(UserError, match="ignored"):
        warping_error(empty, empty, ignore=half[:1])
    with pytest.raises(UserError, match="2 or 3 axes"):
        warping_error(empty[0], empty[0])
    with pytest.raises(UserError, match=r"\(y, x\)"):
        warp(empty[None], empty[None])
