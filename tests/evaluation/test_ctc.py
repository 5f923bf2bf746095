"""SEG and DET against the definitions, object by object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import UserError
from napari_unet.evaluation.ctc import CellScores, cell_scores

planes = arrays(np.int32, (5, 6), elements=st.integers(0, 4))
volumes = arrays(np.int32, (2, 3, 5), elements=st.integers(0, 4))
orders = st.permutations(range(1, 5))


def slow(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray | bool = False
) -> tuple[float, float, int]:
    """(SEG, DET, invented objects)"""
    whole = {s: (prediction == s).sum() for s in np.unique(prediction)}
    prediction, truth = (np.where(ignore, 0, a) for a in (prediction, truth))
    reference, computed = ([i for i in np.unique(a) if i] for a in (truth, prediction))
    stands_for: dict[int, list[int]] = {s: [] for s in computed}
    total, missed = 0.0, 0
    for r in reference:
        R = truth == r
        match = [s for s in computed if ((prediction == s) & R).sum() > 0.5 * R.sum()]
        assert len(match) <= 1
        if match:
            S = prediction == match[0]
            total += (R & S).sum() / (R | S).sum()
            stands_for[match[0]].append(r)
        else:
            missed += 1
    known = {s: (prediction == s).sum() / whole[s] for s in computed}
    false = sum(not rs and known[s] >= 0.5 for s, rs in stands_for.items())
    if not reference:
        return np.nan, np.nan, false
    cuts = sum(max(len(rs) - 1, 0) for rs in stands_for.values())
    aogm, from_nothing = 10 * missed + 1 * false + 5 * cuts, 10 * len(reference)
    return total / len(reference), 1 - min(aogm, from_nothing) / from_nothing, false


@settings(max_examples=60, deadline=None)
@given(st.tuples(planes, planes) | st.tuples(volumes, volumes))
def test_equals_the_definitions(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores = cell_scores(*pair)
    found = (scores.seg, scores.det, scores.false)
    assert found == pytest.approx(slow(*pair), abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(st.tuples(planes, planes) | st.tuples(volumes, volumes), orders, orders)
def test_renumbering_changes_nothing(
    pair: tuple[np.ndarray, np.ndarray], found_ids: list[int], true_ids: list[int]
) -> None:
    prediction, truth = (
        np.array([0, *ids])[array] * 1000
        for ids, array in zip((found_ids, true_ids), pair, strict=True)
    )
    scores, renumbered = cell_scores(*pair), cell_scores(prediction, truth)
    assert renumbered == replace(scores, jaccard=pytest.approx(scores.jaccard, abs=1e-12))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(planes, planes, arrays(bool, (5, 6)))
    | st.tuples(volumes, volumes, arrays(bool, (2, 3, 5)))
)
def test_ignored_pixels_belong_to_nothing(
    frame: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    prediction, truth, ignore = frame
    scores = cell_scores(*frame)
    found = (scores.seg, scores.det, scores.false)
    assert found == pytest.approx(slow(*frame), abs=1e-12, nan_ok=True)
    assert cell_scores(prediction, np.where(ignore, 9 - truth, truth), ignore) == scores
    perfect = cell_scores(truth, truth, ignore)
    number = len(np.unique(truth[~ignore & (truth > 0)]))
    assert perfect == CellScores(jaccard=number, true=number)


@settings(max_examples=40, deadline=None)
@given(planes | volumes)
def test_perfect_is_one(truth: np.ndarray) -> None:
    scores = cell_scores(truth, truth)
    if truth.any():
        assert (scores.seg, scores.det) == (1, 1)
    else:
        assert np.isnan(scores.seg)


def test_exactly_half_is_no_match() -> None:
    truth, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    scores = cell_scores(prediction, truth)
    assert scores == CellScores(jaccard=0, true=1, missed=1, false=1)
    assert scores.seg == 0
    assert scores.det == 0  # 11 operations, but building from nothing costs 10


def test_a_merger_and_an_invention() -> None:
    truth = np.array([[1, 1, 2, 2, 0, 0, 0]])
    prediction = np.array([[3, 3, 3, 3, 0, 7, 0]])
    scores = cell_scores(prediction, truth)
    assert scores == CellScores(jaccard=1.0, true=2, missed=0, false=1, splits=1)
    assert scores.seg == 0.5
    assert scores.det == pytest.approx(1 - 6 / 20)


def test_empty_cases_and_sums() -> None:
    empty, one = np.zeros((3, 3), int), np.eye(3, dtype=int)
    assert np.isnan(cell_scores(empty, empty).det)
    assert np.isnan(cell_scores(one, empty).seg)
    assert cell_scores(one, empty).false == 1
    assert cell_scores(empty, one).seg == 0
    assert cell_scores(empty, one).det == 0
    both = cell_scores(one, one) + cell_scores(empty, one)
    assert (both.seg, both.det) == (0.5, 0.5)
    with pytest.raises(UserError, match="equal"):
        cell_scores(empty, one[:2])


def test_ignored() -> None:
    truth = np.array([[1, 1, 1, 0, 0, 0, 0, 0]])
    prediction = np.array([[1, 1, 1, 0, 2, 2, 2, 3]])
    margin = np.array([[0, 0, 0, 0, 0, 1, 1, 0]], bool)
    scores = cell_scores(prediction, truth, margin)
    assert (scores.true, scores.false) == (1, 1)  # 2 lies mostly in the margin, 3 does not
    hidden = cell_scores(prediction, truth, truth > 0)
    assert hidden.true == 0
    assert hidden.false == 2
