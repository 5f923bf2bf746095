"""Confusion, IoU, Dice against scikit-learn and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import UserError
from napari_unet.evaluation import overlap

maps = arrays(np.uint8, (6, 7), elements=st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(maps, maps)
def test_equals_scikit_learn(prediction: np.ndarray, truth: np.ndarray) -> None:
    from sklearn.metrics import confusion_matrix

    table = overlap.confusion(prediction, truth, 4)
    expected = confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(4))
    np.testing.assert_array_equal(table, expected)


@settings(max_examples=40, deadline=None)
@given(maps, maps)
def test_definitions_class_by_class(prediction: np.ndarray, truth: np.ndarray) -> None:
    table = overlap.confusion(prediction, truth, 4)
    iou, dice = overlap.iou(table), overlap.dice(table)
    for c in range(4):
        p, t = prediction == c, truth == c
        if not (p | t).any():
            assert np.isnan(iou[c])
            assert np.isnan(dice[c])
            continue
        assert iou[c] == pytest.approx((p & t).sum() / (p | t).sum(), abs=1e-12)
        assert dice[c] == pytest.approx(2 * (p & t).sum() / (p.sum() + t.sum()), abs=1e-12)
    assert overlap.pixel_error(table) == pytest.approx((prediction != truth).mean(), abs=1e-12)
    two = overlap.foreground(table)
    np.testing.assert_array_equal(two, overlap.confusion(prediction > 0, truth > 0, 2))


def test_perfect_and_symmetric() -> None:
    truth = np.array([[0, 1, 2]])
    table = overlap.confusion(truth, truth, 3)
    assert overlap.iou(table).tolist() == [1, 1, 1]
    other = np.array([[0, 2, 2]])
    np.testing.assert_array_equal(
        overlap.iou(overlap.confusion(other, truth, 3)),
        overlap.iou(overlap.confusion(truth, other, 3)),
    )


def test_ignored_pixels_do_not_count() -> None:
    truth, prediction = np.array([[0, 1, 255]]), np.array([[0, 1, 0]])
    assert overlap.confusion(prediction, truth, 2, ignore=255).tolist() == [[1, 0], [0, 1]]


def test_nothing_at_all_is_undefined() -> None:
    assert np.isnan(overlap.pixel_error(np.zeros((2, 2), np.int64)))


def test_volume_difference() -> None:
    truth, prediction = np.array([[0, 1, 2, 2]]), np.array([[0, 0, 0, 1]])
    assert overlap.volume_difference(overlap.confusion(prediction, truth, 3)) == -2 / 3
    assert overlap.volume_difference(overlap.confusion(truth, prediction, 3)) == 2
    empty = truth * 0
    assert overlap.volume_difference(overlap.confusion(empty, empty, 2)) == 0
    assert overlap.volume_difference(overlap.confusion(empty, truth, 3)) == -1
    assert np.isnan(overlap.volume_difference(overlap.confusion(truth, empty, 3)))


def test_wrong_input() -> None:
    with pytest.raises(UserError, match="size"):
        overlap.confusion(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)
    with pytest.raises(UserError, match="class 5"):
        overlap.confusion(np.full((2, 2), 5), np.zeros((2, 2), int), 2)
