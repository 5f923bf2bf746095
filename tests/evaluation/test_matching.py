"""AP against trying every assignment."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import UserError
from napari_unet.evaluation.matching import Matching, average_precision, overlaps

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
