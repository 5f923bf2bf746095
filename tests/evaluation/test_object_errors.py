"""Every kind of mistake, by hand and by its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.evaluation.object_errors import (
    ErrorCounts,
    ObjectError,
    count_errors,
    find_errors,
)

objects = arrays(np.int32, (5, 6), elements=st.integers(0, 4))
orders = st.permutations(range(1, 5))


def kinds(prediction: np.ndarray, truth: np.ndarray, *kind: str) -> set[tuple[int, ...]]:
    return {e.truth + e.prediction for e in find_errors(prediction, truth) if e.kind in kind}


def test_one_of_each() -> None:
    truth = np.array(
        [
            [1, 1, 0, 2, 2, 2, 2, 0, 0],
            [1, 1, 0, 2, 2, 2, 2, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0],
            [3, 3, 0, 4, 4, 0, 5, 5, 0],
        ]
    )
    prediction = np.array(
        [
            [0, 0, 0, 6, 6, 7, 7, 0, 0],
            [0, 0, 0, 6, 6, 7, 7, 0, 9],
            [0, 0, 0, 0, 0, 0, 0, 0, 0],
            [8, 8, 8, 8, 8, 0, 5, 5, 0],
        ]
    )
    assert find_errors(prediction, truth) == [
        ObjectError("missed", (1,), (), (0.5, 0.5)),
        ObjectError("false", (), (9,), (1, 8)),
        ObjectError("split", (2,), (6, 7), (0.5, 4.5)),
        ObjectError("merged", (3, 4), (8,), (3, 2)),
    ]
    counts = count_errors(prediction, truth)
    assert counts + counts == ErrorCounts(missed=2, false=2, split=2, merged=2)
    inside = prediction == 9
    assert [e.kind for e in find_errors(prediction, truth, inside)] == ["missed", "split", "merged"]


def test_a_bad_outline_is_missed_and_false() -> None:
    truth, prediction = np.array([[1, 1, 1, 0, 0]]), np.array([[0, 0, 2, 2, 2]])
    assert kinds(prediction, truth, "missed") == {(1,)}
    assert kinds(prediction, truth, "false") == {(2,)}
    assert find_errors(prediction, truth, threshold=0.2) == []


def test_volumes_and_nothing() -> None:
    truth = np.zeros((3, 4, 5), int)
    assert find_errors(truth, truth) == []
    truth[1:, :2, 3] = 1_000_000
    assert find_errors(truth, truth) == []
    (missed,) = find_errors(truth * 0, truth)
    assert missed.centre == pytest.approx((1.5, 0.5, 3))


def test_splits_and_mergers_across_planes() -> None:
    truth, prediction = np.zeros((2, 4, 3, 5), int)
    truth[:, 0, 0] = 1
    prediction[:2, 0, 0], prediction[2:, 0, 0] = 5, 6
    truth[0, 2, 2:4], truth[2, 2, 2:4] = 2, 3
    prediction[:3, 2, 2:4] = 7
    assert find_errors(prediction, truth) == [
        ObjectError("split", (1,), (5, 6), (1.5, 0, 0)),
        ObjectError("merged", (2, 3), (7,), (1, 2, 2.5)),
    ]
    assert count_errors(prediction, truth) == ErrorCounts(split=1, merged=1)
    # No plane shows either.
    assert not any(kinds(p, t, "split", "merged") for p, t in zip(prediction, truth, strict=True))


@settings(max_examples=60, deadline=None)
@given(objects, objects, orders, orders)
def test_renumbering_changes_only_the_numbers(
    prediction: np.ndarray, truth: np.ndarray, found_ids: list[int], true_ids: list[int]
) -> None:
    found, true = (np.array([0, *ids]) * 1000 for ids in (found_ids, true_ids))
    expected = [
        ObjectError(
            e.kind,
            tuple(sorted(true[list(e.truth)].tolist())),
            tuple(sorted(found[list(e.prediction)].tolist())),
            e.centre,
        )
        for e in find_errors(prediction, truth)
    ]
    assert set(find_errors(found[prediction], true[truth])) == set(expected)
    assert count_errors(found[prediction], true[truth]) == count_errors(prediction, truth)


@settings(max_examples=60, deadline=None)
@given(objects, objects, arrays(bool, (5, 6)))
def test_ignored_pixels_belong_to_nothing(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray
) -> None:
    hidden = {p for p in range(1, 5) if ignore[prediction == p].sum() * 2 > (prediction == p).sum()}
    cut = [np.where(ignore, 0, a) for a in (prediction, truth)]
    assert [(e.kind, e.truth, e.prediction) for e in find_errors(prediction, truth, ignore)] == [
        (e.kind, e.truth, e.prediction)
        for e in find_errors(*cut)
        if not (e.kind == "false" and e.prediction[0] in hidden)
    ]
    assert find_errors(truth, truth, ignore) == []


@settings(max_examples=60, deadline=None)
@given(objects, objects)
def test_definitions(prediction: np.ndarray, truth: np.ndarray) -> None:
    def inside(outer: np.ndarray, inner: np.ndarray) -> set[tuple[int, ...]]:
        """Groups of inner objects, each more than half in one outer object."""
        groups = set()
        for o in set(outer[outer > 0].tolist()):
            every = set(inner[inner > 0].tolist())
            ids = {i for i in every if (outer[inner == i] == o).mean() > 0.5}
            if len(ids) > 1:
                groups.add((o, *sorted(ids)))
        return groups

    errors = find_errors(prediction, truth)
    splits, mergers = inside(truth, prediction), inside(prediction, truth)
    assert kinds(prediction, truth, "split") == splits
    assert {e.prediction + e.truth for e in errors if e.kind == "merged"} == mergers
    # Exchanged sides: splits become mergers, missed ones false ones.
    swapped = find_errors(truth, prediction)
    names = {"missed": "false", "false": "missed", "split": "merged", "merged": "split"}
    assert {(names[e.kind], e.prediction, e.truth, e.centre) for e in errors} == {
        (e.kind, e.truth, e.prediction, e.centre) for e in swapped
    }
    explained = {t for e in errors for t in e.truth}
    for t in set(truth[truth > 0].tolist()) - explained:
        partner = [(p, (truth == t)) for p in np.unique(prediction[truth == t]) if p]
        iou = [((prediction == p) & m).sum() / ((prediction == p) | m).sum() for p, m in partner]
        assert max(iou) >= 0.5
