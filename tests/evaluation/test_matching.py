"""AP against trying every assignment."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import UserError
from napari_unet.evaluation.matching import (
    AP_THRESHOLDS,
    Matching,
    average_precision,
    mean_average_precision,
    measure_overlaps,
    overlaps,
    panoptic_quality,
)

objects = arrays(np.int32, (5, 6), elements=st.integers(0, 3))


def slow_tp(prediction: np.ndarray, truth: np.ndarray, threshold: float) -> int:
    """The most pairs with IoU >= threshold over all assignments."""
    ps, ts = ([int(i) for i in np.unique(a) if i] for a in (prediction, truth))
    short, long, swap = (ts, ps, False) if len(ts) <= len(ps) else (ps, ts, True)
    best = 0
    for chosen in permutations(long, len(short)):
        hits = 0
        for a, b in zip(short, chosen, strict=True):
            t, p = (b, a) if swap else (a, b)
            x, y = truth == t, prediction == p
            hits += (x & y).sum() / (x | y).sum() >= threshold
        best = max(best, hits)
    return best


@settings(max_examples=60, deadline=None)
@given(objects, objects, st.sampled_from([0.2, 0.5, 0.75]))
def test_equals_trying_everything(
    prediction: np.ndarray, truth: np.ndarray, threshold: float
) -> None:
    matching = average_precision(prediction, truth, threshold)
    assert matching.tp == slow_tp(prediction, truth, threshold)
    assert matching.tp + matching.fp == len(np.unique(prediction[prediction > 0]))
    assert matching.tp + matching.fn == len(np.unique(truth[truth > 0]))


@settings(max_examples=40, deadline=None)
@given(objects, objects)
def test_panoptic_quality_and_mean_ap_by_definition(
    prediction: np.ndarray, truth: np.ndarray
) -> None:
    iou = overlaps(prediction, truth)
    n, m = iou.shape
    if n + m == 0:
        assert np.isnan(panoptic_quality(prediction, truth).pq)
        assert np.isnan(mean_average_precision(prediction, truth))
        return
    pairs = iou[iou > 0.5]
    expected = pairs.sum() / (len(pairs) + (n - len(pairs)) / 2 + (m - len(pairs)) / 2)
    assert panoptic_quality(prediction, truth).pq == pytest.approx(expected, abs=1e-12)
    hits = [slow_tp(prediction, truth, t) for t in AP_THRESHOLDS]
    expected = np.mean([tp / (n + m - tp) for tp in hits])
    assert mean_average_precision(prediction, truth) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(objects, objects, arrays(bool, (5, 6)))
def test_ignored_pixels_belong_to_nothing(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray
) -> None:
    matching = average_precision(prediction, truth, 0.6, ignore)
    cut = [np.where(ignore, 0, a) for a in (prediction, truth)]
    plain = average_precision(*cut, 0.6)
    assert (matching.tp, matching.fn) == (plain.tp, plain.fn)
    assert matching.iou_sum == plain.iou_sum
    iou = overlaps(*cut)
    ids = [i for i in np.unique(cut[0]) if i]
    alone = [i for i, best in zip(ids, (iou >= 0.6).any(0), strict=True) if not best]
    sizes = {i: ((prediction == i) & ~ignore).sum() for i in alone}
    assert matching.fp == sum(sizes[i] >= ((prediction == i) & ignore).sum() for i in alone)


def test_scores_of_a_matching() -> None:
    matching = Matching(2, 1, 3, iou_sum=1.5)
    assert (matching.precision, matching.recall) == (2 / 3, 2 / 5)
    assert matching.f1 == 4 / 8
    assert matching.ap == 2 / 6
    assert matching.pq == 1.5 / 4
    assert (matching + matching).iou_sum == 3
    nothing = Matching(0, 0, 0)
    for name in ("ap", "f1", "precision", "recall", "pq"):
        assert np.isnan(getattr(nothing, name))


def test_competition_is_solved_group_by_group() -> None:
    # Three groups of chains in which the greedy choice would lose a pair.
    chain_t = np.array([1] * 6 + [2] * 4)
    chain_p = np.array([0] * 1 + [1] * 3 + [2] * 5 + [0])
    truth = np.concatenate([np.where(chain_t, chain_t + 10 * k, 0) for k in range(3)])[None]
    found = np.concatenate([np.where(chain_p, chain_p + 10 * k, 0) for k in range(3)])[None]
    assert average_precision(found, truth, 0.2).tp == 6
    assert measure_overlaps(found, truth).matching(0.2).iou_sum == pytest.approx(3 * (0.5 + 0.5))


def test_volumes() -> None:
    truth = np.zeros((3, 4, 4), int)
    truth[1:, :2] = 5
    assert average_precision(truth * 2, truth).ap == 1
    assert panoptic_quality(truth, truth).pq == 1


@settings(max_examples=30, deadline=None)
@given(objects, objects)
def test_exchanging_the_sides_exchanges_missed_and_invented(a: np.ndarray, b: np.ndarray) -> None:
    one, other = (measure_overlaps(*sides) for sides in ((a, b), (b, a)))
    for threshold in (0.3, 0.5, 0.8):
        x, y = one.matching(threshold), other.matching(threshold)
        assert (x.tp, x.fp, x.fn) == (y.tp, y.fn, y.fp)
        assert x.iou_sum == pytest.approx(y.iou_sum)


@settings(max_examples=30, deadline=None)
@given(objects, objects)
def test_renaming_objects_changes_nothing(prediction: np.ndarray, truth: np.ndarray) -> None:
    renamed = np.where(prediction > 0, 1000 - prediction, 0)
    assert average_precision(renamed, truth) == average_precision(prediction, truth)


def test_exactly_half_counts() -> None:
    truth, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    assert average_precision(prediction, truth, 0.5) == Matching(1, 0, 0)


def test_empty_cases() -> None:
    empty, one = np.zeros((3, 3), int), np.eye(3, dtype=int)
    assert np.isnan(average_precision(empty, empty).ap)
    assert average_precision(empty, one) == Matching(0, 0, 1)
    assert average_precision(one, empty).ap == 0
    assert overlaps(empty, one).shape == (1, 0)


def test_sums_and_perfect() -> None:
    truth = np.array([[1, 1, 0, 2]])
    assert average_precision(truth, truth).ap == 1
    assert Matching(1, 2, 3) + Matching(1, 0, 1) == Matching(2, 2, 4)


def test_sizes_must_agree() -> None:
    with pytest.raises(UserError):
        overlaps(np.zeros((2, 2), int), np.zeros((3, 2), int))
