"""The table of metrics, and the page that explains it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_unet.errors import UserError
from napari_unet.evaluation.metrics import METRICS, chosen_metrics, known_metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_explains_every_metric() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.read_text("utf-8").splitlines() if "`" in line]
    explained = {
        name: row[1].strip()
        for row in rows
        if len(row) == 2
        for name in re.findall("`(.+?)`", row[0])
    }
    for kind in ("classes", "objects"):
        assert set(known_metrics(kind)) <= explained.keys()
    assert {name: metric.better for name, metric in METRICS.items()} == {
        name: better for name, better in explained.items() if "<" not in name
    }


def test_all_leaves_out_what_looks_at_the_truth() -> None:
    for kind in ("classes", "objects"):
        assert not [n for n in chosen_metrics("all", kind) if n.endswith("optimal")]
    assert chosen_metrics(["rand_error_test_optimal", "iou", "iou"], "classes") == [
        "iou",
        "rand_error_test_optimal",
    ]
    assert chosen_metrics(["dice_<class>", "iou_12"], "classes") == ["dice_<class>", "iou_12"]
    with pytest.raises(UserError, match="no metric 'iou_x'; choose from all, iou, "):
        chosen_metrics(["iou_x"], "classes")
