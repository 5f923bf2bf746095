"""``napari-unet evaluate`` on files: volumes, regions, probabilities, spreadsheets."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_unet import __version__
from napari_unet.cli import app
from napari_unet.evaluation import em
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


def test_json_says_when_with_what_and_how_it_was_made() -> None:
    write("t/a.tif", CELL)
    report = scores("t", "t", "--labels", "classes", "--metrics", "iou, dice", "--dims", "2")
    assert datetime.fromisoformat(report["created"]).tzinfo is not None
    assert report["packages"]["napari-unet-live"] == __version__
    assert report["packages"]["numpy"] == np.__version__
    assert report["settings"] == {
        "predictions": "t", "truth": "t", "labels": "classes", "metrics": ["iou", "dice"],
        "regions": None, "dims": 2, "held_out": None, "unit": "pixel",
    }  # fmt: skip


@pytest.mark.parametrize("output", ["probability", "uncertainty"])
@pytest.mark.parametrize("name", ["p", "p/a.{}.tif"])
def test_a_prediction_that_holds_no_labels_is_called_what_it_is(output: str, name: str) -> None:
    write("t/a.tif", CELL)
    both = np.stack([np.eye(12, 16), 1 - np.eye(12, 16)]).astype(np.float32)
    pixels = both if output == "probability" else both[0] * 0.3
    write(f"p/a.{output}.tif", pixels, ome=True, metadata={"axes": "CYX"[-pixels.ndim :]})
    said = run(name.format(output), "t", "--labels", "classes", code=1)[1]
    assert f"is the output '{output}', not labels of classes: predict with --output clas" in said
    if output == "probability":  # and whatever it is called
        Path("p/a.probability.tif").rename("p/a.tif")
        said = run("p", "t", "--labels", "classes", code=1)[1]
        assert "p/a.tif holds 2 channels of broken numbers, as probabilities do" in said
        assert "colour" not in said


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


def write_noisy(place: str, name: str, seed: int, shift: float) -> None:
    """A truth, and a prediction whose probabilities are too low by ``shift``."""
    noise = np.random.default_rng(seed).normal(0, 0.1, CELL.shape)
    cell = (np.where(CELL, 0.9, 0.5) - shift + noise).clip(0.01, 0.99).astype(np.float32)
    folder = Path(place)
    for part in ("p", "t"):
        (folder / part).mkdir(exist_ok=True, parents=True)
    write(f"{place}/t/{name}.tif", CELL)
    write(f"{place}/p/{name}.classes.tif", (cell > 0.5).astype(np.uint8))
    both = np.stack([1 - cell, cell])
    write(f"{place}/p/{name}.probability.tif", both, ome=True, metadata={"axes": "CYX"})


def test_the_threshold_can_be_chosen_on_held_out_images() -> None:
    for seed, name in enumerate("ab"):
        write_noisy("test", name, seed, shift=0.0)
        write_noisy("other", name, seed + 2, shift=0.2)
    arguments = ("test/p", "test/t", "--labels", "classes", "--held-out", "other/p", "other/t")
    report = scores(*arguments, "--metrics", "pixel_f_error_test_optimal")
    assert set(report["mean"]) == {"pixel_f_error_test_optimal", "pixel_f_error_held_out"}
    best = {}
    for place, key in (("other", "held_out"), ("test", "test_optimal")):
        stored = [tifffile.imread(f"{place}/p/{name}.probability.tif")[1] for name in "ab"]
        best[key] = em.best_threshold(em.pixel_f_error, [(p, CELL) for p in stored]).threshold
    assert best["held_out"] < best["test_optimal"]  # so it matters which one is taken
    assert report["thresholds"] == {"pixel_f_error_held_out": best["held_out"]}
    for key, threshold in best.items():  # of the images that are scored, which were read last
        expected = [em.pixel_f_error(p, CELL, threshold) for p in stored]
        pooled = report["pooled"][f"pixel_f_error_{key}"]
        assert pooled == pytest.approx(np.mean(expected))
    fair = [image["pixel_f_error_held_out"] for image in report["images"]]
    assert fair == pytest.approx(
        [em.pixel_f_error(p, CELL, best["held_out"]) for p in stored], abs=1e-12
    )
    everything = scores(*arguments)
    assert {"rand_error_held_out", "warping_error_test_optimal", "iou"} <= set(everything["mean"])
    assert "rand_error_held_out is at the threshold 0." in run(*arguments)[1]
    Path("test/p/b.probability.tif").unlink()  # asked for, so not left out in silence
    assert "b: warping_error_test_optimal needs probabilities" in run(*arguments, code=1)[1]


def test_every_mistake_is_listed_with_its_place() -> None:
    truth, found = np.zeros((2, 5, 20, 30), np.uint16)
    truth[0, 2:6, 4:8] = 3  # missed
    truth[1, 10:14, 10:20] = 5  # split
    found[1, 10:14, 10:15], found[1, 10:14, 15:20] = 1, 2
    found[2, 0:3, 0:3] = 7  # false
    write("t/a.tif", truth)
    write("p/a.tif", found)
    arguments = ("p", "t", "--labels", "objects", "--dims", "2", "--metrics", "ap50")
    run(*arguments, "--errors", "mistakes.csv")
    with Path("mistakes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["frame"], r["mistake"], r["true_ids"], r["predicted_ids"]) for r in rows] == [
        ("0", "missed", "3", ""),
        ("1", "split", "5", "1 2"),
        ("2", "false", "", "7"),
    ]
    assert [(r["image"], r["z"], r["y"], r["x"]) for r in rows][:2] == [
        ("a", "", "3.5", "5.5"),
        ("a", "", "11.5", "14.5"),
    ]
    run("p", "t", "--labels", "objects", "--metrics", "ap50", "--errors", "volume.csv")
    assert Path("volume.csv").read_text().splitlines()[1] == "a,,missed,0.0,3.5,5.5,3,"


def test_regions_limit_what_is_scored() -> None:
    write("t/a.tif", CELL)
    write("p/a.tif", CELL[:, ::-1].copy())
    region = np.zeros_like(CELL)
    region[:2] = 255
    write("r/a.tif", region)
    arguments = ("p", "t", "--labels", "classes", "--metrics", "pixel_error")
    assert scores(*arguments)["mean"]["pixel_error"] > 0
    assert scores(*arguments, "--regions", "r")["mean"]["pixel_error"] == 0


def test_255_beside_classes_means_not_labelled_in_all_files() -> None:
    unknown = CELL.copy()
    unknown[10:] = 255
    background = np.where(np.arange(16) < 10, 0, 255).astype(np.uint8).repeat(12).reshape(16, 12).T
    for name, truth in {"both": unknown, "background": background}.items():
        write(f"t/{name}.tif", truth)
        write(f"p/{name}.tif", np.where(truth == 255, 1, truth))
    options = ("p", "t", "--labels", "classes", "--metrics", "iou,pixel_error")
    report = scores(*options)
    assert report["mean"] == {"iou": 1.0, "pixel_error": 0.0}
    assert next(i for i in report["images"] if i["name"] == "background")["iou"] is None
    assert "mask" not in run(*options)[1]
    # With regions only the rest of what is labelled counts.
    for name in ("both", "background"):
        write(f"r/{name}.tif", np.ones(CELL.shape, np.uint8))
    again = scores(*options, "--regions", "r")
    assert (again["images"], again["pooled"]) == (report["images"], report["pooled"])
    write("r/both.tif", np.ones((3, 3), np.uint8))
    assert "must be equal" in run(*options, "--regions", "r", code=1)[1]
    # Masks alone are masks.
    write("t/both.tif", 255 * CELL)
    write("p/both.tif", CELL)
    assert scores(*options)["images"][1]["iou"] == 1.0


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
        (("--held-out", "p", "t"), "a.tif is scored and held out: choose"),
        (("--held-out", "r", "r"), "needs probabilities"),
        (("--csv", "all.csv", "--errors", "./all.csv"), "would both write all.csv"),
        (("--held-out", "p", "t", "--metrics", "iou"), "ask for all metrics of classes"),
        (("--errors", "mistakes.csv"), "Only mistakes of objects can be listed"),
        (("--errors", "nowhere/mistakes.csv"), "nowhere/mistakes.csv cannot be written"),
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
