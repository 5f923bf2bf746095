"""One prediction against its truth, as the Score dock shows it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.evaluation.overlap import confusion, iou
from napari_unet.measurements.scoring import Score, guess_truth_kind, score
from napari_unet.measurements.sources import class_map, foreground, has_class_axis


def value(result: Score, name: str) -> float | None:
    return next(f.value for f in result.figures if f.name == name)


def cells() -> np.ndarray:
    ids = np.zeros((40, 60), np.int32)
    for number, (y, x) in enumerate(((4, 4), (4, 30), (24, 4), (24, 30)), 1):
        ids[y : y + 10, x : x + 12] = number
    return ids


def test_objects_with_their_mistakes() -> None:
    truth = cells()
    found = np.where(truth == 4, 0, truth)
    result = score(found, truth, "objects", dims=2, spacing=(0.5, 0.5))
    assert value(result, "ap50") == pytest.approx(0.75)
    assert [e.error.kind for e in result.errors] == ["missed"]
    assert (result.painted == 1).sum() == 120
    assert all(f.about and f.better in ("higher", "lower") for f in result.figures)


def test_a_perfect_prediction_has_no_mistakes() -> None:
    result = score(cells(), cells(), "objects", dims=2)
    assert result.errors == ()
    assert value(result, "iou") == value(result, "seg") == 1


def test_scribbles_leave_out_what_was_not_painted() -> None:
    truth = np.zeros((20, 20), np.uint8)
    truth[:5], truth[5:8] = 1, 2
    found = np.zeros((20, 20), np.uint8)
    found[5:20] = 1
    result = score(found, truth, "scribbles", dims=2)
    assert value(result, "iou") == 1
    assert not result.errors
    assert set(np.unique(class_map(truth, "scribbles"))) == {0, 1, 255}
    table = confusion(found, class_map(truth, "scribbles"), 2, ignore=255)
    assert value(result, "iou_1") == pytest.approx(iou(table)[1])


def test_strokes_of_background_alone_are_no_mask() -> None:
    """Class 0 and 255 for what is not painted look like a mask of 0 and 255."""
    truth = np.zeros((20, 20), np.uint8)
    truth[:5] = 1
    found = np.zeros((20, 20), np.uint8)
    found[10:] = 1
    result = score(found, truth, "scribbles", dims=2)
    assert value(result, "pixel_error") == 0
    assert value(result, "iou") is None
    assert not result.errors


def test_a_probability_gives_calibration_too() -> None:
    truth = (cells() > 0).astype(np.uint8)
    likely = np.where(truth > 0, 0.8, 0.1).astype(np.float32)
    one = score(likely, truth, "classes", dims=2, probability=True)
    both = score(np.stack([1 - likely, likely]), truth, "classes", dims=2, probability=True)
    assert value(one, "iou") == 1
    assert value(one, "ece") == pytest.approx(value(both, "ece") or 0)
    ids = score(likely, cells(), "objects", dims=2, probability=True)
    assert value(ids, "ap50") == 1


def test_stacks_and_volumes() -> None:
    truth = np.stack([cells(), cells()])
    found = truth.copy()
    found[1][found[1] == 2] = 0
    assert [e.index for e in score(found, truth, "objects", dims=2).errors] == [(1,)]
    # As a volume, half of the object is there: IoU of one half is enough.
    assert score(found, truth, "objects", dims=3).errors == ()


def test_masks_of_255_are_two_classes() -> None:
    truth = np.where(cells() > 0, 255, 0).astype(np.uint8)
    result = score((cells() > 0).astype(np.uint8), truth, "classes", dims=2)
    assert value(result, "iou") == 1


@pytest.mark.parametrize(
    ("found", "truth", "kind", "text"),
    [
        (np.zeros((4, 5), int), np.zeros((4, 6), int), "classes", "must be equal"),
        (np.zeros((4, 5), int), np.zeros((4, 5), int), "scribbles", "says nothing yet"),
        (np.zeros((4, 5), int), np.full((4, 5), 100), "classes", "no class"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(found, truth, kind, text) -> None:
    with pytest.raises(UserError, match=text):
        score(found, truth, kind, dims=2)


def test_guessing_the_kind() -> None:
    assert guess_truth_kind(cells()) == "objects"
    assert guess_truth_kind((cells() > 0).astype(int)) == "classes"
    assert guess_truth_kind(np.where(cells() > 0, 255, 0)) == "classes"


def test_what_a_probability_is() -> None:
    likely = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    np.testing.assert_array_equal(foreground(likely), likely)
    np.testing.assert_allclose(foreground(np.stack([1 - likely, likely])), likely, atol=1e-6)
    assert has_class_axis(np.stack([1 - likely, likely]))
    assert not has_class_axis(np.stack([likely, likely]))
    assert foreground(np.full((4, 4), 255, np.uint8)).max() == 1
    for wrong in (likely * 9, likely - 3, np.full((4, 4), np.nan, np.float32)):
        with pytest.raises(UserError, match="no probabilities"):
            foreground(wrong)
