"""``napari-unet check``, typed as a person would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.draw import disk
from small_models import make_model
from typer.testing import CliRunner

from napari_unet.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """images/ and ids/: good, split (two objects, one id), missing, big (labels too large)."""
    for sub in ("images", "ids"):
        (tmp_path / sub).mkdir()
    ids = np.zeros((64, 64), np.uint16)
    for number, centre in enumerate([(15, 15), (15, 45), (45, 15), (45, 45)], 1):
        ids[disk(centre, 9)] = number
    wrong = np.where(ids == 4, 1, ids)
    large = np.zeros((70, 64), np.uint16)
    large[:64] = ids
    large[66:69, 3:20] = 9
    for seed, (name, labels) in enumerate(
        {"good": ids, "split": wrong, "missing": None, "big": large}.items()
    ):
        noise = np.random.default_rng(seed).normal(60, 20, ids.shape)
        image = (noise + 120 * (ids > 0)).clip(0, 250).astype(np.uint8)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", image)
        if labels is not None:
            tifffile.imwrite(tmp_path / "ids" / f"{name}.tif", labels)
    return tmp_path


def run(*arguments: object, code: int = 0) -> tuple[str, str]:
    outcome = CliRunner().invoke(app, [str(a) for a in arguments])
    assert outcome.exit_code == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome.stdout, outcome.stderr


def test_findings_on_stdout_and_exit_code(folder: Path) -> None:
    out, _ = run("check", folder / "images", folder / "ids", "--labels", "objects", code=1)
    lines = out.splitlines()
    assert len(lines) == 3
    assert any(line.startswith("big: error: ") and "outside the image" in line for line in lines)
    assert any("split: warning" in line and "ids of their own" in line for line in lines)
    assert any("missing: warning: It has no labels" in line for line in lines)


def test_json_and_a_guessed_kind(folder: Path) -> None:
    out, _ = run(
        "check", folder / "images", folder / "ids", "--labels", "objects", "--json", code=1
    )
    report = json.loads(out)
    codes = {one["name"]: [i["code"] for i in one["issues"]] for one in report["images"]}
    assert codes == {
        "big": ["outside"], "good": [], "missing": ["no-labels"], "split": ["split-object"]
    }  # fmt: skip
    assert (report["errors"], report["warnings"]) == (1, 2)
    good = [folder / sub / "good.tif" for sub in ("images", "ids")]
    assert "taken for objects" in run("check", *good)[1]


def test_mended_labels_are_clean_and_the_old_ones_stay(folder: Path) -> None:
    before = (folder / "ids" / "split.tif").read_bytes()
    mended = folder / "mended"
    _, err = run(
        "check", folder / "images", folder / "ids", "--labels", "objects", "--fix", mended, code=1
    )
    assert "split.tif: Give them ids of their own" in err
    assert (folder / "ids" / "split.tif").read_bytes() == before
    (folder / "images" / "missing.tif").unlink()
    out, _ = run("check", folder / "images", mended, "--labels", "objects")
    assert out == "3 image(s): nothing is wrong.\n"


@pytest.mark.parametrize("place", ["ids", "images"])
def test_what_was_given_is_never_overwritten(folder: Path, place: str) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.tif")}
    _, err = run(
        "check", folder / "images", folder / "ids", "--labels", "objects",
        "--fix", folder / place, code=1,
    )  # fmt: skip
    assert "that you gave: give --fix another folder" in err
    assert {path: path.read_bytes() for path in folder.rglob("*.tif")} == before


@pytest.mark.parametrize("first", [1, 2**31 - 2, 2**40 + 2**31, 2**63 + 2**40])
def test_ids_of_any_size_stay_apart_when_they_are_mended(folder: Path, first: int) -> None:
    ids = tifffile.imread(folder / "ids" / "split.tif").astype(np.uint64)
    ids[32, 32] = 7  # a speck
    large = np.where(ids > 0, ids + np.uint64(first), 0)
    tifffile.imwrite(folder / "ids" / "split.tif", large)
    run(
        "check", folder / "images" / "split.tif", folder / "ids" / "split.tif",
        "--labels", "objects", "--fix", folder / "mended",
    )  # fmt: skip
    mended = tifffile.imread(folder / "mended" / "split.tif")
    assert mended.dtype == np.int32
    values, sizes = np.unique(mended, return_counts=True)
    assert values[0] == 0
    assert len(values) == 5
    assert set(sizes[1:]) == {np.count_nonzero(ids == 2)}  # four discs alike


def test_a_dry_run_with_the_model_of_volumes_is_of_its_network(tmp_path: Path) -> None:
    model = make_model("unet", 3, width=2, depth=2, padding="same", norm="batch")
    model.save(tmp_path / "m.unet")
    noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32), np.uint8)
    tifffile.imwrite(tmp_path / "v.tif", noise)
    tifffile.imwrite(tmp_path / "l.tif", (noise > 128).astype(np.uint8))
    out, _ = run(
        "check", tmp_path / "v.tif", tmp_path / "l.tif", "--axes", "zyx", "--labels", "classes",
        "--model", tmp_path / "m.unet", "--dry-run", "--json",
    )  # fmt: skip
    measured = json.loads(out)["dry_run"]
    assert len(measured["tile"]) == 3
    assert "million voxels" in measured["text"]
    assert measured["parameters"] == sum(p.numel() for p in model.network.parameters())


def test_images_alone_and_mistakes(folder: Path) -> None:
    assert "4 image(s): nothing" in run("check", folder / "images")[0]
    assert "Give the LABELS" in run("check", folder / "images", "--dry-run", code=1)[1]
    kinds = run("check", folder / "images", folder / "ids", "--labels", "cells", code=1)[1]
    assert "choose from scribbles" in kinds
    assert "Example" in run("check", "--help")[0]


@pytest.mark.parametrize("place", ["images", "ids"])
def test_two_files_of_one_name_are_refused_as_in_training(folder: Path, place: str) -> None:
    np.save(folder / place / "good.npy", np.zeros((64, 64), np.uint8))
    _, err = run("check", folder / "images", folder / "ids", "--labels", "objects", code=1)
    assert "have the same name, apart from the extension" in err


def test_labels_in_colour_are_a_finding(folder: Path) -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[20:40, 20:40] = (255, 0, 0)
    tifffile.imwrite(folder / "rgb.tif", rgb, photometric="rgb")
    out, _ = run("check", folder / "images" / "good.tif", folder / "rgb.tif", code=1)
    assert "Make each colour a class" in out
    mended = folder / "mended"
    run("check", folder / "images" / "good.tif", folder / "rgb.tif", "--fix", mended, code=1)
    np.testing.assert_array_equal(np.unique(tifffile.imread(mended / "good.tif")), [0, 1])


def mended_values(folder: Path, *labels: np.ndarray) -> tuple[list[list[int]], str]:
    """The values that `check --fix` leaves in the labels of each image, and what it says."""
    (folder / "classes").mkdir()
    for name, array in zip(("good", "split", "big"), labels, strict=False):
        tifffile.imwrite(
            folder / "classes" / f"{name}.tif",
            array,
            photometric="rgb" if array.ndim == 3 else "minisblack",
        )
    images = [folder / "images" / f"{n}.tif" for n in ("good", "split", "big")]
    for path in (folder / "images").iterdir():
        if path not in images[: len(labels)]:
            path.unlink()
    outcome = CliRunner().invoke(
        app,
        ["check", str(folder / "images"), str(folder / "classes"), "--labels", "classes",
         "--fix", str(folder / "mended")],
    )  # fmt: skip
    assert "Something went wrong" not in outcome.stderr
    made = [folder / "mended" / path.name for path in images[: len(labels)]]
    values = [np.unique(tifffile.imread(path)).tolist() for path in made if path.exists()]
    return values, outcome.stderr + outcome.stdout


def of_classes(*values: int) -> np.ndarray:
    """A picture of 64 x 64 with these values in stripes."""
    return np.repeat(np.array(values, np.uint16), 64 * 64 // len(values) + 1)[: 64 * 64].reshape(
        64, 64
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # A class that only some images hold is no gap, ...
        ([(0, 1, 2), (0, 2)], [[0, 1, 2], [0, 2]]),
        ([(0, 1, 4), (0, 4)], [[0, 1, 2], [0, 2]]),
        # ... an image without background is not counted from 1, ...
        ([(0, 1, 2), (1, 2)], [[0, 1, 2], [1, 2]]),
        ([(1, 2, 3), (2, 3)], [[0, 1, 2], [1, 2]]),
        # ... and one value is one class everywhere.
        ([(0, 300, 600), (0, 600)], [[0, 1, 2], [0, 2]]),
        ([(0, 1, 255), (0, 255)], [[0, 1, 255], [0, 255]]),
        ([(0, 255), (0, 255)], [[0, 1], [0, 1]]),
    ],
)
def test_a_number_means_the_same_in_all_mended_labels(
    folder: Path, given: list[tuple[int, ...]], expected: list[list[int]]
) -> None:
    values, _ = mended_values(folder, *(of_classes(*v) for v in given))
    assert values == expected


def test_a_colour_means_the_same_in_all_mended_labels(folder: Path) -> None:
    colours = np.array([(0, 0, 0), (0, 255, 0), (255, 0, 0)], np.uint8)
    pictures = [colours[of_classes(0, 1, 2)], colours[of_classes(0, 2)]]
    assert mended_values(folder, *pictures)[0] == [[0, 1, 2], [0, 2]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_cannot_be_mended_is_not_written(folder: Path, value: float) -> None:
    noise = np.random.default_rng(0).normal(100, 300, (64, 64)).astype(np.float32)
    values, said = mended_values(
        folder, np.full((64, 64), value, np.float32), noise, of_classes(0, 1)
    )
    assert values == [[0, 1]]
    assert said.count("not written") == 2
