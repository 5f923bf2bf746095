"""Thresholds, thinning, sections."""

from __future__ import annotations

import numpy as np
import pytest
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
