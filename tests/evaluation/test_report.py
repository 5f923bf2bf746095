"""The JSON of ``evaluate`` and its table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.evaluation.report import as_classes, evaluate, format_table

TRUTH = np.array([[0, 0, 1, 1]])
CLOSE = np.array([[0, 1, 1, 1]])


def test_by_image_mean_and_pooled() -> None:
    empty = np.zeros((1, 4), int)
    report = evaluate([("a", CLOSE, TRUTH), ("b", empty, empty)], "classes")
    first, second = report["images"]
    assert first == {
        "name": "a",
        "iou": pytest.approx(2 / 3),
        "dice": pytest.approx(0.8),
        "pixel_error": 0.25,
        "iou_0": 0.5,
        "iou_1": pytest.approx(2 / 3),
    }
    assert second["iou"] is None
    assert second["iou_0"] == 1
    assert report["mean"]["iou"] == pytest.approx(2 / 3)
    assert report["mean"]["pixel_error"] == 0.125
    assert report["pooled"]["iou_0"] == pytest.approx(5 / 6)
    json.dumps(report, allow_nan=False)


def test_objects() -> None:
    truth = np.array([[1, 1, 0, 2, 2, 0]])
    found = np.array([[1, 1, 0, 0, 3, 3]])
    report = evaluate([("a", found, truth)], "objects")
    assert report["images"][0]["ap50"] == pytest.approx(1 / 3)
    assert report["pooled"]["ap50"] == pytest.approx(1 / 3)
    assert report["images"][0]["iou"] == pytest.approx(3 / 5)
    assert "iou_0" not in report["mean"]


def test_masks_and_unlabelled_pixels() -> None:
    mask, note = as_classes(np.array([[0, 255]], np.uint8))
    assert mask.tolist() == [[0, 1]]
    assert note is not None
    truth = np.array([[0, 1, 255, 2]], np.uint8)
    report = evaluate([("a", np.array([[0, 1, 1, 2]]), truth)], "classes")
    assert report["images"][0]["pixel_error"] == 0
    report = evaluate([("a", TRUTH, TRUTH * 255)], "classes")
    assert report["images"][0]["iou"] == 1


def test_chosen_metrics() -> None:
    report = evaluate([("a", CLOSE, TRUTH)], "classes", ["dice", "iou_1"])
    assert set(report["mean"]) == {"dice", "iou_1"}
    with pytest.raises(UserError, match="no metric 'ap51'"):
        evaluate([("a", CLOSE, TRUTH)], "objects", ["ap51"])


def test_wrong_input() -> None:
    with pytest.raises(UserError, match=r"a: .*1 x 3"):
        evaluate([("a", np.zeros((1, 3), int), TRUTH)], "classes")
    with pytest.raises(UserError, match="nothing to score"):
        evaluate([], "classes")
    ids = np.array([[0, 0, 70_000, 70_001]])  # a table of all these would not fit into memory
    with pytest.raises(UserError, match=r"a: .*choose the kind 'objects'"):
        evaluate([("a", ids, TRUTH)], "classes")


def test_the_table_is_aligned() -> None:
    empty = np.zeros((1, 4), int)
    text = format_table(evaluate([("a", CLOSE, TRUTH), ("long name", empty, empty)], "classes"))
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[-2].startswith("mean")
    assert " -" in next(line for line in lines if line.startswith("long name"))
