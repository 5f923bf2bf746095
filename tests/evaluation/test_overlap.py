"""Confusion, IoU, Dice against scikit-learn and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_unet.errors import UserError
from napari_unet.evaluation import measures, overlap
from napari_unet.evaluation.cases import Case
from napari_unet.evaluation.report import evaluate

maps = arrays(np.uint8, (6, 7), elements=st.integers(0, 3))
volumes = arrays(np.uint8, (2, 3, 5), elements=st.integers(0, 3))
masks = arrays(bool, (6, 7))


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


@settings(max_examples=40, deadline=None)
@given(maps | volumes)
def test_perfect(truth: np.ndarray) -> None:
    table = overlap.confusion(truth, truth, 4)
    expected = np.where(np.isin(range(4), truth), 1, np.nan)
    np.testing.assert_array_equal(overlap.iou(table), expected)
    np.testing.assert_array_equal(overlap.dice(table), expected)
    assert overlap.pixel_error(table) == overlap.volume_difference(table) == 0


@settings(max_examples=40, deadline=None)
@given(maps, maps)
def test_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    one, other = overlap.confusion(a, b, 4), overlap.confusion(b, a, 4)
    for score in (overlap.iou, overlap.dice, overlap.pixel_error):
        np.testing.assert_array_equal(score(one), score(other))


@settings(max_examples=40, deadline=None)
@given(maps, maps, st.permutations(range(4)))
def test_renumbering_classes_renumbers_the_scores(
    prediction: np.ndarray, truth: np.ndarray, numbers: list[int]
) -> None:
    new = np.array(numbers)
    table = overlap.confusion(prediction, truth, 4)
    renumbered = overlap.confusion(new[prediction], new[truth], 4)
    for score in (overlap.iou, overlap.dice):
        np.testing.assert_array_equal(score(renumbered)[new], score(table))
    assert overlap.pixel_error(renumbered) == overlap.pixel_error(table)


@settings(max_examples=40, deadline=None)
@given(volumes, volumes, arrays(bool, (2, 3, 5)))
def test_volumes_are_their_pixels(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray
) -> None:
    volume = measures.Frame(prediction, truth, ignore)
    plane = measures.Frame(*(a.reshape(2, 15) for a in (prediction, truth, ignore)))
    for measure in (measures.classes, measures.foreground):
        np.testing.assert_array_equal(measure(volume).table, measure(plane).table)


@settings(max_examples=40, deadline=None)
@given(maps, maps, masks)
def test_scores_are_of_the_pixels_that_count(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray
) -> None:
    table = overlap.confusion(prediction[~ignore], truth[~ignore], 4)
    blank = np.where(ignore, 255, truth)
    np.testing.assert_array_equal(overlap.confusion(prediction, blank, 4, ignore=255), table)
    some = ["iou", "dice", "pixel_error", "iou_<class>", "dice_<class>"]
    scores = evaluate([Case("a", prediction, truth, ignore=ignore)], "classes", some)["mean"]
    two = overlap.foreground(table)
    expected = {
        "pixel_error": overlap.pixel_error(table),
        "iou": overlap.iou(two)[1],
        "dice": overlap.dice(two)[1],
        **{f"iou_{c}": value for c, value in enumerate(overlap.iou(table))},
        **{f"dice_{c}": value for c, value in enumerate(overlap.dice(table))},
    }
    assert scores.keys() <= expected.keys()
    for name, value in expected.items():
        assert scores.get(name) == (None if np.isnan(value) else value), name


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
