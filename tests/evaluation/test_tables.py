"""Reports on the screen and in a spreadsheet."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from napari_unet.evaluation.report import evaluate
from napari_unet.evaluation.tables import WIDTH, format_table, to_csv

TRUTH = np.array([[0, 0, 1, 1]])
CLOSE = np.array([[0, 1, 1, 1]])
EMPTY = np.zeros((1, 4), int)


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_the_tables_are_aligned_and_fit(kind: str) -> None:
    cases = [("a", CLOSE, TRUTH), ("a long name", EMPTY, EMPTY)]
    report = evaluate(cases, kind)
    summary, *blocks = format_table(report).split("\n\n")
    assert summary.splitlines()[0].split("  ")[0] == "2 images"
    assert [line.split()[0] for line in summary.splitlines()[2:]] == list(report["mean"])
    shown = []
    for block in blocks:
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1
        assert len(lines[0]) <= WIDTH
        assert [line.split("  ")[0] for line in lines[2:]] == ["a", "a long name"][
            : len(lines)
        ] or (lines[2].startswith("a ") and lines[3].startswith("a long name"))
        shown += lines[0].split()[1:]
    assert shown == list(report["mean"])
    assert " -" in next(line for line in blocks[0].splitlines() if line.startswith("a long"))


def test_summary_of_one_image_has_no_interval() -> None:
    lines = format_table(evaluate([("a", CLOSE, TRUTH)], "classes", ["iou"])).splitlines()
    assert lines[0].split() == ["1", "image", "mean", "95", "%", "interval", "pooled"]
    assert lines[2].split() == ["iou", "0.6667", "-", "0.6667"]


def test_small_numbers_keep_their_digits() -> None:
    truth = np.zeros((50, 50), int)
    truth[9, 9] = 1
    text = format_table(evaluate([("a", truth * 0, truth)], "classes", ["warping_error"]))
    assert "0.000400" in text


def test_csv() -> None:
    report = evaluate([("a,b", CLOSE, TRUTH), ("c", EMPTY, EMPTY)], "classes", ["iou", "iou_0"])
    rows = list(csv.DictReader(io.StringIO(to_csv(report))))
    assert [r["image"] for r in rows] == [
        "a,b",
        "c",
        "(mean)",
        "(95 % low)",
        "(95 % high)",
        "(pooled)",
    ]
    assert [r["iou"] for r in rows] == [repr(2 / 3), "", repr(2 / 3), "", "", repr(2 / 3)]
    assert [float(r["iou_0"]) for r in rows] == pytest.approx([0.5, 1, 0.75, 0.5, 1, 5 / 6])
