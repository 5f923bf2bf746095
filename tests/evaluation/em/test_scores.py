"""Thresholds, thinning, sections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from napari_unet.errors import UserError
from napari_unet.evaluation import em

# Two cells with a membrane of three pixels between them.
TRUTH = np.ones((7, 9), bool)
TRUTH[:, 3:6] = False


def slices(seed: int, shape: tuple[int, ...] = (2, 40, 44)) -> tuple[np.ndarray, np.ndarray]:
    """A prediction with about the right cells, some merged, and the truth."""
    rng = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(rng.normal(size=s), 2) for s in [shape[-2:]] * shape[0]]
    field = np.stack([s / s.std() for s in smooth])
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1)
    return 1 / (1 + np.exp(-2 * field - 3 * noise - 1)), np.abs(field) > 0.5


def slow_flood(mask: np.ndarray) -> np.ndarray:
    """All cells grow by one pixel at a time, but not into a pixel that two of them reach."""
    grown = em.cells(mask)
    line = np.zeros(mask.shape, bool)
    while True:
        reached = {}
        for y, x in zip(*np.nonzero((grown == 0) & ~line), strict=True):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [(b, a) for b, a in beside if 0 <= b < len(mask) and 0 <= a < len(mask[0])]
            if near := {grown[at] for at in inside} - {0}:
                reached[y, x] = near
        if not reached:
            return grown
        for at, near in reached.items():
            if len(near) == 1:
                grown[at] = near.pop()
            else:
                line[at] = True


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 3)),
    st.integers(0, 2),
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([1, 3, 5])), min_size=1, max_size=4),
)
def test_thinning_of_a_row_of_cells_equals_a_slow_flood(
    height: tuple[int, int, int], margin: int, widths: list[tuple[int, int]]
) -> None:
    # Membranes of odd width, so that each has one middle pixel and not two.
    rows = np.repeat([False, True, False], height)
    across = [np.repeat([True, False], pair) for pair in widths]
    mask = np.outer(rows, np.concatenate([np.zeros(margin, bool), *across]))
    thin = em.cells(mask, thin=True)
    np.testing.assert_array_equal(thin, slow_flood(mask))
    assert (thin == 0).all(0).sum() == (thin == 0).any(0).sum() == len(widths) - 1


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 8)), min_size=1, max_size=16))
@example({(0, 0), (1, 1)})
def test_thinning_equals_a_slow_flood(points: set[tuple[int, int]]) -> None:
    # Cells begin on black squares of a chess board only: all of them then reach the black ones at
    # even steps and the white ones at odd steps, and there is always one middle pixel, not two.
    black = np.indices((8, 9)).sum(0) % 2 == 0
    mask = np.zeros(black.shape, bool)
    mask[tuple(zip(*points, strict=True))] = True
    mask &= black
    ring = [[False, True, False], [True, False, True], [False, True, False]]
    mask |= ~black & ndimage.binary_erosion(mask, ring, border_value=1)
    np.testing.assert_array_equal(em.cells(mask, thin=True), slow_flood(mask))


def test_rand_error_equals_scikit_image() -> None:
    probability, truth = (a[0] for a in slices(0))
    of, to = ndimage.label(truth)[0], ndimage.label(probability > 0.5)[0]
    to = np.where(to == 0, np.arange(to.size).reshape(to.shape) + 10_000, to)
    expected = adapted_rand_error(of, to)[0]
    assert 0.05 < expected < 0.95
    assert em.rand_error(probability, truth, distinct=True) == pytest.approx(expected, abs=1e-9)
    # With the pairs of a pixel with itself there is a small difference.
    assert em.rand_error(probability, truth) != pytest.approx(expected, abs=1e-9)
    assert em.rand_error(probability, truth) == pytest.approx(expected, abs=0.01)


def test_stacks_are_scored_by_section() -> None:
    probability, truth = slices(1)
    skipped = np.random.default_rng(0).random(truth.shape) < 0.1
    pairs = list(zip(probability, truth, skipped, strict=True))
    for thin in (False, True):
        errors = [em.rand_error(p, t, 0.4, thin=thin, ignore=i) for p, t, i in pairs]
        together = em.rand_error(probability, truth, 0.4, thin=thin, ignore=skipped)
        assert together == pytest.approx(np.mean(errors), abs=1e-12)
    errors = [em.pixel_error(p, t, 0.4, i) for p, t, i in pairs]
    assert em.pixel_error(probability, truth, 0.4, skipped) == pytest.approx(
        np.average(errors, weights=(~skipped).sum((1, 2))), abs=1e-12
    )


def test_pixel_error_of_the_leader_board_is_one_minus_dice() -> None:
    for seed in range(3):
        probability, truth = slices(seed)
        skipped = np.random.default_rng(seed).random(truth.shape) < 0.1
        found, true = probability[~skipped] > 0.4, truth[~skipped]
        hits, false, missed = (found & true).sum(), (found & ~true).sum(), (~found & true).sum()
        precision, recall = hits / (hits + false), hits / (hits + missed)
        expected = 1 - 2 * precision * recall / (precision + recall)
        assert em.pixel_f_error(probability, truth, 0.4, skipped) == pytest.approx(expected)
    assert em.pixel_f_error(TRUTH.astype(float), TRUTH) == 0
    assert em.pixel_f_error(1 - TRUTH.astype(float), TRUTH) == 1
    assert np.isnan(em.pixel_f_error(np.zeros((4, 4)), np.zeros((4, 4), bool)))
    with pytest.raises(UserError):
        em.pixel_f_error(np.zeros((4, 4)), np.zeros((4, 5), bool))


@pytest.mark.parametrize("thin", [False, True])
@pytest.mark.parametrize("shape", [(5, 6), (2, 4, 5)])
def test_perfect_whatever_is_ignored(shape: tuple[int, ...], thin: bool) -> None:
    @settings(max_examples=40, deadline=None)
    @given(*[arrays(bool, shape)] * 3)
    def check(truth: np.ndarray, ignore: np.ndarray, other: np.ndarray) -> None:
        probability = np.where(ignore, other, truth).astype(float)
        error = em.rand_error(probability, truth, thin=thin, ignore=ignore)
        agreement = em.by_section(em.v_info, probability, truth, thin=thin, ignore=ignore)
        if (truth & ~ignore).any():
            assert error == 0
            assert agreement == pytest.approx((1, 1, 1), abs=1e-12)
        else:
            assert np.isnan([error, *agreement]).all()

    check()


def test_sections_without_cells_are_left_out() -> None:
    probability = np.stack([TRUTH, TRUTH]).astype(float)
    truth = np.stack([TRUTH, np.zeros_like(TRUTH)])
    assert em.by_section(em.v_rand, probability, truth).f == 1
    assert np.isnan(em.by_section(em.v_rand, probability, truth * 0).f)
    assert np.isnan(em.rand_error(probability[0], truth[1]))


def test_thinning_forgives_thick_membranes() -> None:
    thick = np.zeros(TRUTH.shape)
    thick[2:5, :2] = thick[2:5, -2:] = 1
    assert em.rand_error(thick, TRUTH) > 0.3
    assert em.rand_error(thick, TRUTH, thin=True) == 0
    assert em.by_section(em.v_info, thick, TRUTH, thin=True) == pytest.approx((1, 1, 1))
    # A merger stays one.
    assert em.rand_error(np.ones(TRUTH.shape), TRUTH, thin=True) == pytest.approx(1 / 3)


def test_thin_lines_are_thin_and_keep_the_cells() -> None:
    for mask in slices(2)[1]:
        thick, thin = em.cells(mask), em.cells(mask, thin=True)
        assert thin.max() == thick.max()
        np.testing.assert_array_equal(thin[mask], thick[mask])
        cross = ndimage.generate_binary_structure(2, 1)
        highest = ndimage.grey_dilation(thin, footprint=cross)
        far = np.iinfo(np.int32).max
        lowest = ndimage.grey_erosion(np.where(thin == 0, far, thin), footprint=cross)
        # Each pixel of a line lies between two cells, or in a corner between such lines.
        line = thin == 0
        between = line & (highest != lowest) & (lowest != far)
        assert (line & ndimage.binary_dilation(between, np.ones((3, 3)))).sum() == line.sum()
        # No two cells touch.
        for a, b in ((thin[1:], thin[:-1]), (thin[:, 1:], thin[:, :-1])):
            assert ((a == b) | (a == 0) | (b == 0)).all()
    assert not em.cells(np.zeros((4, 4), bool), thin=True).any()


def test_pixel_error() -> None:
    probability = np.array([[0.5, 0.6], [0.1, 0.9]])
    truth = np.array([[0, 7], [1, 1]])
    assert em.pixel_error(probability, truth) == 0.25
    assert em.pixel_error(probability, truth, 0.05) == 0.25
    assert em.pixel_error(probability, truth, ignore=np.array([[0, 0], [1, 0]], bool)) == 0
    assert np.isnan(em.pixel_error(probability, truth, ignore=np.ones((2, 2), bool)))


def test_best_threshold() -> None:
    probability = np.array([[0.2, 0.4, 0.9, 0.9]])
    truth = np.array([[0, 0, 1, 1]])
    assert em.best_threshold(em.pixel_error, [(probability, truth)]) == (0.4, 0)
    assert em.best_threshold(em.pixel_error, [(probability, truth)], [0.95, 0.1]) == (0.1, 0.5)
    blank = (probability, truth * 0)
    for metric in (em.rand_error, em.warping_error):
        found = em.best_threshold(metric, [(probability, truth), blank])
        tried = [
            np.nanmean([metric(probability, truth, t), metric(*blank, t)]) for t in em.THRESHOLDS
        ]
        assert found.error == pytest.approx(min(tried))
        assert found.threshold == em.THRESHOLDS[int(np.argmin(tried))]
    with pytest.raises(UserError, match="undefined"):
        em.best_threshold(em.rand_error, [blank])
    with pytest.raises(UserError, match="without images"):
        em.best_threshold(em.rand_error, [])


def test_wrong_input() -> None:
    for metric in (em.rand_error, em.pixel_error):
        with pytest.raises(UserError, match="equal"):
            metric(np.zeros((2, 2)), np.zeros((3, 2)))
        with pytest.raises(UserError, match="2 or 3"):
            metric(np.zeros(4), np.zeros(4))
