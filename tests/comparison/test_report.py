"""The report and its pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_unet.comparison.canvas import Axis, axis_over, short
from napari_unet.comparison.records import RunResult
from napari_unet.comparison.report import write_report

Make = Callable[..., Any]
BASE = [0.50, 0.55, 0.60, 0.52, 0.58, 0.61]


def test_everything_is_written(tmp_path: Path, settings: Make, runs: Make) -> None:
    names = ["unet", "lunet", "cmunext", "ulite", "segnet", "fcn8s", "unext", "sd_unet"]
    results = [
        run
        for i, name in enumerate(names)
        for run in runs(
            name,
            [v + 0.01 * i + 0.001 * i * k for k, v in enumerate(BASE)],
            carried=[0.3 + 0.01 * i, 0.4],
            parameters=1000 * (i + 1),
            notes=("Memory ran out: training goes on with less.",) if i == 3 else (),
        )
    ]
    own = settings(transfer={"other0": "x", "other1": "y"}, start="general")
    report = write_report(tmp_path, own, results, names, "iou")
    text = report.read_text()
    for words in (
        "Start: not equal",
        "Zero-shot: Of 7 networks",
        "relative* U-Score",
        "U-Score, relative",
        "cannot be compared with the figures of U-Bench",
        "ulite, fold 1: Memory ran out",
        "batch 1",
        "a processor, 1 thread(s)",
        "One seed.",
    ):
        assert words in text
    pictures = ("values.png", "differences.png", "costs.png", "transfer.png")
    for name in pictures:
        assert f"({name})" in text
        picture = np.asarray(Image.open(tmp_path / name))
        assert picture.shape[1] == 1720
        assert 0.5 < (picture > 250).all(-1).mean() < 0.99
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["network"] for r in rows} == set(names)
    assert float(rows[0]["iou"]) == max(float(r["iou"]) for r in rows)
    assert rows[0]["transfer_iou"]
    with (tmp_path / "images.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(names) * (6 + 2 * 2)
    found = json.loads((tmp_path / "results.json").read_text())
    assert len(found["runs"]) == 16
    assert found["u_score_scale"] is not None


def test_a_report_without_any_value(tmp_path: Path, settings: Make) -> None:
    failed = [
        RunResult(network="unet", fold=f, arguments={}, failed="Memory ran out.") for f in (1, 2)
    ]
    text = write_report(tmp_path, settings(), failed, ["unet"], "iou").read_text()
    assert "unet failed in fold 1: Memory ran out." in text
    assert not list(tmp_path.glob("*.png"))
    json.loads((tmp_path / "results.json").read_text())


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[0.5], [0.1, 0.9], [3.0, 3.0], [1e-3, 1e9]])
def test_axes_have_ticks_inside(values: list[float], log: bool) -> None:
    axis = axis_over(values, 10, 110, log=log)
    assert len(axis.ticks()) >= 1
    for value in (*values, *axis.ticks()):
        assert 10 <= axis.place(value) <= 110


def test_axes_are_round() -> None:
    assert Axis(0, 1, 0, 1).ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert Axis(0.5, 200, 0, 1, log=True).ticks() == pytest.approx([1, 10, 100])
    assert [short(v) for v in (0.25, 1500, 3e7, 2e9, -0.1)] == [
        "0.25",
        "1.5 k",
        "30 M",
        "2 G",
        "-0.1",
    ]
