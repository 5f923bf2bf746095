"""``napari-unet evaluate`` on files: volumes, regions, probabilities, spreadsheets."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.evaluation.metrics import chosen_metrics

CELL = np.zeros((12, 16), np.uint8)
CELL[2:8, 3:9] = 1


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("p", "t", "r"):
        (tmp_path / name).mkdir()
    return tmp_path


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    outcome = CliRunner().invoke(app, ["evaluate", *arguments])
    assert outcome.exit_code == code, outcome.stderr
    return outcome.stdout, outcome.stderr


def scores(*arguments: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run(*arguments, "--json")[0])
    return report


def write(name: str, array: np.ndarray, **options: Any) -> None:
    tifffile.imwrite(name, array, **options)


def test_everything_at_once() -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        noise = np.where(CELL, 0.8, 0.2) + rng.normal(0, 0.3, CELL.shape)
        cell = noise.clip(0.01, 0.99).astype(np.float32)
        write(f"t/{name}.tif", CELL)
        write(f"p/{name}.classes.tif", (cell > 0.5).astype(np.uint8))
        both = np.stack([1 - cell, cell])
        write(f"p/{name}.probability.tif", both, ome=True, metadata={"axes": "CYX"})
    report = scores("p", "t", "--labels", "classes", "--csv", "scores.csv")
    wanted = [n for n in chosen_metrics("all", "classes") if "<" not in n]
    assert set(report["mean"]) == {*wanted, "iou_0", "iou_1", "dice_0", "dice_1"}
    assert 0 < report["mean"]["ece"] < 0.5
    assert report["interval"]["iou"][0] <= report["mean"]["iou"] <= report["interval"]["iou"][1]
    with Path("scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["iou"]) for r in rows[:2]] == [i["iou"] for i in report["images"]]
    stdout, stderr = run("p", "t", "--labels", "classes")
    assert "95 % interval" in stdout
    assert "hausdorff95 is in pixels" in stderr
    optimal = scores("p", "t", "--metrics", "pixel_error_test_optimal,pixel_error")["mean"]
    assert optimal["pixel_error_test_optimal"] <= optimal["pixel_error"]


def test_regions_limit_what_is_scored() -> None:
    write("t/a.tif", CELL)
    write("p/a.tif", CELL[:, ::-1].copy())
    region = np.zeros_like(CELL)
    region[:2] = 255
    write("r/a.tif", region)
    arguments = ("p", "t", "--labels", "classes", "--metrics", "pixel_error")
    assert scores(*arguments)["mean"]["pixel_error"] > 0
    assert scores(*arguments, "--regions", "r")["mean"]["pixel_error"] == 0


def test_distances_are_physical_where_all_files_say() -> None:
    moved = np.roll(CELL, 2, 1)
    options = {"imagej": True, "resolution": (2, 2), "metadata": {"unit": "um"}}
    write("t/a.tif", CELL, **options)
    write("p/a.tif", moved)
    arguments = ("p", "t", "--labels", "classes", "--metrics", "hausdorff95")
    assert scores(*arguments)["mean"]["hausdorff95"] == 1
    assert "micrometres" in run(*arguments)[1]
    write("t/b.tif", CELL)
    write("p/b.tif", moved)
    assert scores(*arguments)["mean"]["hausdorff95"] == 2


def test_volumes_and_stacks() -> None:
    stack = np.stack([CELL, CELL * 2])
    write("t/a.tif", stack.astype(np.uint16))
    write("p/a.tif", np.stack([CELL, CELL]).astype(np.uint16))
    arguments = ("p", "t", "--labels", "objects", "--metrics", "ap50")
    assert scores(*arguments)["mean"]["ap50"] == pytest.approx(1 / 2)
    assert scores(*arguments, "--dims", "2")["mean"]["ap50"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--metrics", "beauty"), "no metric 'beauty'; choose from all, iou, dice"),
        (("--metrics", "seg"), "'seg' is for labels of the kind objects"),
        (("--metrics", "ece"), "a: ece needs probabilities"),
        (("--csv", "nowhere/scores.csv"), "nowhere/scores.csv cannot be written"),
        (("--csv", "p"), "p cannot be written"),
        (("--dims", "4"), "2 or 3 dimensions, not 4"),
        (("--dims", "3"), "has no z axis"),
        (("--regions", "none"), "none does not exist"),
        (("--regions", "r"), "No regions for 1 of 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes(arguments: tuple[str, ...], words: str) -> None:
    for place in ("p", "t"):
        write(f"{place}/a.tif", CELL)
    for name in ("b", "c"):
        write(f"r/{name}.tif", CELL)
    stdout, stderr = run("p", "t", "--labels", "classes", *arguments, code=1)
    assert stdout == ""
    error = stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    assert words in error
    assert not Path("scores.csv").exists()
