"""The command line, typed as a newcomer would: each mistake one sentence, nothing overwritten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import napari_unet as nu
from napari_unet import __version__
from napari_unet.cli import app, console, window
from napari_unet.cli.train import parse_spacing
from napari_unet.errors import UserError
from napari_unet.model import file
from napari_unet.model.model import Model

# The network of the presets is too large for tests of the command line; a start model has a small
# one. Two steps with the preset's own tile of 192 pixels would do as well, but take seconds.
SMALL: dict[str, Any] = {
    "arguments": {"width": 4, "depth": 2},
    "tile": 32,
    "batch": 1,
    "steps": 1,
    "device": "cpu",
    "precision": "float32",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images/, masks/, ids/ with a.tif and b.tif, model.unet (objects), and assorted mistakes."""
    folder = tmp_path_factory.mktemp("data")
    for sub in ("images", "masks", "ids", "empty", "small", "wrong"):
        (folder / sub).mkdir()
    ids = np.zeros((48, 48), np.uint16)
    for i in range(4):
        y, x = divmod(i, 2)
        ids[y * 22 + 5 : y * 22 + 18, x * 22 + 5 : x * 22 + 18] = i + 1
    for seed, name in enumerate("ab"):
        noise = np.random.default_rng(seed).normal(60, 20, ids.shape)
        image = (noise + 120 * (ids > 0)).clip(0, 255).astype(np.uint8)
        tifffile.imwrite(folder / "images" / f"{name}.tif", image)
        tifffile.imwrite(folder / "masks" / f"{name}.tif", (ids > 0).astype(np.uint8) * 255)
        tifffile.imwrite(folder / "ids" / f"{name}.tif", ids)
        tifffile.imwrite(folder / "small" / f"{name}.tif", ids[:40])
    model = nu.train(image, ids, kind="objects", **SMALL)
    model.save(folder / "model.unet")
    wrong = folder / "wrong"
    tifffile.imwrite(wrong / "rgb.tif", np.zeros((48, 48, 3), np.uint8), photometric="rgb")
    whole = (folder / "images" / "a.tif").read_bytes()
    (wrong / "corrupt.tif").write_bytes(whole[:100])
    (wrong / "text.png").write_text("this is a letter, not a picture")
    (wrong / "text.unet").write_text("this is a letter, not a model")
    (wrong / "notes.txt").write_text("only text")
    newer = model.header.model_copy(update={"schema_version": 99})
    file.save(wrong / "newer.unet", newer, model.network.state_dict())
    (wrong / "truncated.unet").write_bytes((folder / "model.unet").read_bytes()[:-50])
    return folder


@pytest.fixture(autouse=True)
def in_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)


def run(*arguments: object, code: int = 0) -> tuple[str, str]:
    """What a command writes to stdout and stderr; it must end with ``code``, without traceback."""
    outcome = CliRunner().invoke(app, [str(a) for a in arguments])
    assert outcome.exit_code == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome.stdout, outcome.stderr


def mistake(*arguments: object, code: int = 1) -> str:
    """The last line of stderr of a command that fails; nothing else may be on stdout."""
    stdout, stderr = run(*arguments, code=code)
    assert stdout == ""
    errors = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, stderr
    assert errors[0] == stderr.splitlines()[-1]
    assert "should not" not in errors[0], "a fault of ours, not of the user"
    return errors[0]


def files(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ------------------------------------------------------------------ that it works


def test_help_and_version() -> None:
    assert __version__ in run("--version")[0]
    for command in ("demo", "gui", "train", "predict", "evaluate", "export", "networks"):
        text = run(command, "--help")[0]
        assert "Example" in text, command
        assert f"napari-unet {command}" in text
        assert command in run("--help")[0]


def test_train_predict_evaluate(tmp_path: Path) -> None:
    out = tmp_path / "new" / "m.unet"
    stdout, stderr = run(
        "train", "images", "ids", "--out", out, "--start", "model.unet", "--labels", "objects",
        "--steps", 2, "--seed", 1, "--device", "cpu", "--precision", "float32",
        "--set", "noise=0.2", "--set", "rotation = free", "--set", "mirror=false",
    )  # fmt: skip
    assert stdout == f"{out}\n"
    assert "Finished after 2 steps" in stderr
    model = nu.load(out)
    assert model.header.provenance.start == "model.unet"
    recipe = model.header.preset
    assert (recipe["noise"], recipe["rotation"], recipe["mirror"]) == (0.2, "free", False)
    assert [i.name for i in model.header.provenance.images] == ["a", "b"]
    stdout, _ = run(
        "predict", out, "images/*.tif", "--out", tmp_path / "p", "--output", "classes",
        "--output", "objects", "--tile", 32, "--device", "cpu",
    )  # fmt: skip
    assert sorted(stdout.split()) == sorted(str(p) for p in (tmp_path / "p").iterdir())
    assert len(stdout.split()) == 4
    for kind, metric in (("classes", "iou"), ("objects", "ap50")):
        truth = "masks" if kind == "classes" else "ids"
        stdout, _ = run("evaluate", tmp_path / "p", truth, "--labels", kind, "--json")
        report = json.loads(stdout)
        assert [row["name"] for row in report["images"]] == ["a", "b"]
        assert metric in report["pooled"]
    assert "a" in run("evaluate", tmp_path / "p", "ids", "--labels", "objects")[0]


def test_a_perfect_prediction() -> None:
    stdout, stderr = run("evaluate", "masks", "masks", "--json")
    assert json.loads(stdout)["pooled"]["iou_1"] == 1
    assert "taken for classes" in stderr
    stdout, _ = run("evaluate", "ids/a.tif", "ids/b.tif", "--labels", "objects", "--json")
    assert json.loads(stdout)["pooled"]["ap50"] == 1


def test_resume_goes_on_where_it_was(tmp_path: Path) -> None:
    common = ("images", "ids", "--start", "model.unet", "--labels", "objects", "--device", "cpu",
              "--precision", "float32")  # fmt: skip
    run("train", *common, "--out", tmp_path / "m.unet", "--steps", 1)
    before = (tmp_path / "m.unet").read_bytes()
    run("train", "images", "ids", "--out", tmp_path / "m.unet", "--resume", "--steps", 3,
        "--device", "cpu", "--precision", "float32")  # fmt: skip
    assert nu.load(tmp_path / "m.unet").header.history.steps == 3
    assert (tmp_path / "m.unet").read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["m.unet"]


def test_resume_without_the_regions_of_before_says_so(tmp_path: Path) -> None:
    usual = ("images", "ids", "--out", tmp_path / "m.unet", "--labels", "objects",
             "--start", "model.unet", "--device", "cpu", "--precision", "float32")  # fmt: skip
    regions = tmp_path / "regions"
    regions.mkdir()
    for path in Path("ids").iterdir():
        inside = np.ones_like(tifffile.imread(path), np.uint8)
        inside[:8] = 0
        tifffile.imwrite(regions / path.name, inside)
    run("train", *usual, "--regions", regions, "--steps", 1)
    resumed = (*usual[:4], "--device", "cpu", "--precision", "float32", "--resume")
    _, stderr = run("train", *resumed, "--regions", regions, "--steps", 2)
    assert "without --regions" not in " ".join(stderr.split())
    _, stderr = run("train", *resumed, "--steps", 3)
    assert "without --regions" in " ".join(stderr.split())


def test_resume_without_the_validation_images_of_before_says_so(tmp_path: Path) -> None:
    held = tmp_path / "held"
    for folder in ("images", "labels"):
        (held / folder).mkdir(parents=True)
        source = "ids" if folder == "labels" else folder
        shutil.copy(f"{source}/b.tif", held / folder)
    usual = ("images/a.tif", "ids/a.tif", "--out", tmp_path / "m.unet", "--device", "cpu",
             "--precision", "float32")  # fmt: skip
    run(
        "train", *usual, "--labels", "objects", "--start", "model.unet", "--val", held, "--steps", 1
    )
    assert nu.load(tmp_path / "m.unet").header.history.validation
    _, stderr = run("train", *usual, "--resume", "--val", held, "--steps", 2)
    assert "without --val" not in " ".join(stderr.split())
    _, stderr = run("train", *usual, "--resume", "--steps", 3)
    assert "without --val it is not scored" in " ".join(stderr.split())


def test_resume_with_other_options_is_refused(tmp_path: Path) -> None:
    usual = ("images", "ids", "--out", tmp_path / "m.unet", "--device", "cpu",
             "--precision", "float32")  # fmt: skip
    begun = ("--start", "model.unet", "--labels", "objects", "--seed", 3, "--val", "none",
             "--set", "noise=0.2", "--spacing", "0.5,0.5")  # fmt: skip
    run("train", *usual, *begun, "--steps", 1)
    for option, value, words in (
        ("--preset", "strokes", "preset live, not strokes"),
        ("--labels", "classes", "kind of labels objects, not classes"),
        ("--dims", 3, "dims 2, not 3"),
        ("--network", "segnet", "network unet, not segnet"),
        ("--start", "general", "start model.unet, not general"),
        ("--seed", 4, "seed 3, not 4"),
        ("--spacing", "1,1", "pixel size 0.5 x 0.5, not 1 x 1"),
        ("--val", "auto", "validation none, not auto"),
        ("--set", "noise=0.3", "noise 0.2, not 0.3"),
        ("--set", 'arguments={"width": 8}', "width 4, not 8"),
    ):
        assert words in mistake("train", *usual, "--resume", "--steps", 2, option, value)
    rgb = ("wrong/rgb.tif", "ids/a.tif", *usual[2:])
    assert "1 channel(s), rgb has 3" in mistake("train", *rgb, "--resume", "--steps", 2)
    run("train", *usual, *begun, "--resume", "--steps", 2, "--preset", "live")  # all the same
    run("train", *usual, "--resume", "--steps", 3)
    header = nu.load(tmp_path / "m.unet").header
    assert (header.history.steps, header.spacing) == (3, (0.5, 0.5))
    assert not header.history.validation  # as in the beginning


def test_networks() -> None:
    rows = json.loads(run("networks", "--json")[0])
    fields = {"name", "title", "paper", "dims", "parameters", "macs", "receptive_field", "stride",
              "tile_exact", "at"}  # fmt: skip
    assert all(fields <= row.keys() for row in rows)
    assert {"channels", "classes", "size", "width"} <= rows[0]["at"].keys()
    (only,) = json.loads(run("networks", "unet", "--json")[0])
    assert only["parameters"] == 31_030_658
    assert "31,030,658" in run("networks")[0]
    assert "lunet" not in run("networks", "unet")[0]


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import napari_unet.demo

    def instead(out: Path, *, budget: float, on_event: Any) -> dict[str, Any]:
        assert budget == 120
        return {"iou": 0.5}

    monkeypatch.setattr(napari_unet.demo, "run", instead)
    stdout, _ = run("demo", "--headless", "--out", tmp_path, "--budget", "2m")
    assert json.loads(stdout) == {"iou": 0.5}


# ------------------------------------------------------------------ mistakes


TRAIN = ("train", "images", "ids", "--out", "new.unet")
PREDICT = ("predict", "model.unet", "images", "--out", "new")
EXPORT = ("export", "model.unet", "--out", "new", "--format")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "none", "ids", "--out", "new.unet"), "none does not exist"),
        (("train", "images", "none.tif", "--out", "new.unet"), "none.tif does not exist"),
        (("train", "empty", "ids", "--out", "new.unet"), "empty holds no images"),
        (("train", "images", "empty", "--out", "new.unet"), "empty holds no images"),
        (("train", "images/*.xyz", "ids", "--out", "new.unet"), "No images match"),
        (("train", "images", "small", "--out", "new.unet"), "40 x 48"),
        (("train", "images", "ids/a.tif", "--out", "new.unet"), "No labels for 1 of 2"),
        (("train", "wrong/corrupt.tif", "ids", "--out", "new.unet"), "corrupt.tif cannot be read"),
        (("train", "wrong/text.png", "ids", "--out", "new.unet"), "text.png cannot be read"),
        (("train", "wrong/notes.txt", "ids", "--out", "new.unet"), "notes.txt is no image"),
        (("train", "images", "images", "--out", "new.unet"), "looks like an image"),
        ((*TRAIN, "--labels", "dots"), "kind 'dots'; choose from scribbles, classes, objects"),
        ((*TRAIN, "--labels", "scribbles", "--regions", "none"), "none does not exist"),
        ((*TRAIN, "--network", "vnet"), "no network 'vnet'; choose one of unet"),
        ((*TRAIN, "--preset", "fast"), "no preset 'fast'; choose one of live, strokes, paper2015"),
        ((*TRAIN, "--budget", "soon"), "'soon' is not understood"),
        ((*TRAIN, "--budget", "3s", "--steps", "2"), "not both"),
        ((*TRAIN, "--steps", "0"), "give a number from 1"),
        (
            (*TRAIN, "--seed", str(2**64)),
            f"does not fit into 64 bits: give a whole number from -{2**63} to {2**64 - 1}",
        ),
        ((*TRAIN, "--seed", str(-(2**63) - 1)), "does not fit into 64 bits"),
        ((*TRAIN, "--device", "abacus"), "no device 'abacus'; choose one of auto"),
        ((*TRAIN, "--precision", "int4"), "no precision 'int4'"),
        ((*TRAIN, "--spacing", "small"), "pixel size 'small' is not understood"),
        ((*TRAIN, "--spacing", "1,2,3"), "pixel size"),
        ((*TRAIN, "--axes", "abc"), "axes 'abc'"),
        ((*TRAIN, "--val", "nowhere"), "folders 'images' and 'labels'"),
        ((*TRAIN, "--start", "none.unet"), "no model file none.unet"),
        ((*TRAIN, "--start", "wrong/newer.unet"), "newer version"),
        ((*TRAIN, "--start", "wrong/text.unet"), "is not a model file"),
        ((*TRAIN, "--start", "general", "--network", "lunet"), "general start weights"),
        ((*TRAIN, "--resume"), "There is no model new.unet to resume"),
        (("train", "images", "ids", "--out", "model.unet", "--resume"), "no training state"),
        (
            ("train", "images", "ids", "--out", "model.unet", "--start", "model.unet"),
            "would be overwritten",
        ),
        (("train", "images", "ids", "--out", "images/a.tif"), "is not a model"),
        (("train", "images", "ids", "--out", "images"), "is not a model"),
        ((*TRAIN, "--set", "nois=1"), "no training setting 'nois'; choose from arguments, averag"),
        ((*TRAIN, "--set", "seed=1"), "no training setting 'seed'"),
        ((*TRAIN, "--set", "arguments=3"), """write the network's own as '{"width": 32}'"""),
        ((*TRAIN, "--set", "noise"), "write NAME=VALUE"),
        ((*TRAIN, "--set", "=1"), "write NAME=VALUE"),
        ((*TRAIN, "--set", "noise=7"), "'noise' does not fit"),
        ((*TRAIN, "--set", "w0=Infinity"), "'w0' does not fit: Input should be a finite number"),
        ((*TRAIN, "--set", "voxel=[2,1]"), "use --spacing"),
        ((*TRAIN, "--set", "rotation=sideways"), "'rotation' does not fit"),
        ((*TRAIN, "--set", "network=segnet"), "use --network"),
        ((*TRAIN, "--set", "noise=0", "--set", "noise=1"), "given twice"),
        (("predict", "none.unet", "images", "--out", "new"), "no model file none.unet"),
        (("predict", "wrong/text.unet", "images", "--out", "new"), "not a model file"),
        (("predict", "wrong/newer.unet", "images", "--out", "new"), "newer version"),
        (("predict", "wrong/truncated.unet", "images", "--out", "new"), "damaged"),
        (("predict", "images/a.tif", "images", "--out", "new"), "is not a model file"),
        (("predict", "model.unet", "none", "--out", "new"), "none does not exist"),
        (("predict", "model.unet", "empty", "--out", "new"), "empty holds no images"),
        (("predict", "model.unet", "wrong/rgb.tif", "--out", "new"), "1 channel, rgb has 3"),
        (("predict", "model.unet", "wrong/corrupt.tif", "--out", "new"), "corrupt.tif cannot be"),
        (("predict", "model.unet", "wrong/text.png", "--out", "new"), "text.png cannot be read"),
        (
            ("predict", "model.unet", "images", "--out", "model.unet"),
            "model.unet is a file: give --out a",
        ),
        (("predict", "model.unet", "images", "--out", "model.unet/in"), "model.unet is a file"),
        (("predict", "model.unet", "", "--out", "new"), "empty name was given"),
        (("check", "images", "ids", "--fix", "model.unet"), "is a file: give --fix a folder"),
        ((*PREDICT, "--output", "mask"), "no output 'mask'; choose from probability"),
        ((*PREDICT, "--tile", "0"), "give a number from 1"),
        ((*PREDICT, "--axes", "zyx"), "axes 'zyx' name 3"),
        ((*PREDICT, "--device", "mps"), "no mps device"),
        (("evaluate", "none", "ids"), "none does not exist"),
        (("evaluate", "ids", "empty"), "empty holds no images"),
        (("evaluate", "small", "ids", "--labels", "objects"), "40 x 48"),
        (("evaluate", "ids/a.tif", "ids", "--labels", "objects"), "No prediction (objects)"),
        (("evaluate", "ids", "ids", "--labels", "scribbles"), "choose classes or objects"),
        (("evaluate", "ids", "ids", "--metrics", "beauty"), "beauty"),
        (("evaluate", "wrong/corrupt.tif", "ids/a.tif", "--labels", "classes"), "cannot be read"),
        ((*EXPORT, "keras"), "no format 'keras'; choose one of bioimageio, onnx"),
        (("export", "none.unet", "--out", "new", "--format", "onnx"), "no model file none.unet"),
        (
            ("export", "model.unet", "--out", "model.unet", "--format", "onnx"),
            "model.unet is a model and would be overwritten",
        ),
        ((*EXPORT, "onnx", "--name", "?"), "name '?' will not do"),
        ((*EXPORT, "onnx", "--cite", "me"), "'me' is no DOI"),
        (("networks", "vnet"), "no network 'vnet'"),
        (("gui", "none.tif"), "none.tif does not exist"),
        (("demo", "--headless", "--budget", "soon"), "'soon' is not understood"),
        (("demo", "--headless", "--out", "model.unet", "--budget", "1s"), "is a file: give"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_mistakes(data: Path, arguments: tuple[str, ...], words: str) -> None:
    before = files(data)
    assert words in mistake(*arguments)
    assert files(data) == before
    assert not (data / "new").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "images", "ids"),
        ("train", "images", "--out", "new.unet"),
        ("train", "images", "ids", "--out", "new.unet", "--steps", "few"),
        ("train", "images", "ids", "--out", "new.unet", "--sed", "3"),
        ("predict", "model.unet"),
        ("paint",),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(data: Path, arguments: tuple[str, ...]) -> None:
    before = files(data)
    mistake(*arguments, code=2)
    assert files(data) == before


def test_one_bad_image_among_many(data: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "b.tif"):
        (tmp_path / "in" / name).write_bytes((data / "images" / name).read_bytes())
    (tmp_path / "in" / "c.tif").write_bytes(b"II*")
    stdout, stderr = run("predict", "model.unet", tmp_path / "in", "--out", tmp_path / "out",
                         "--output", "classes", "--device", "cpu", code=1)  # fmt: skip
    assert len(stdout.split()) == 2
    assert "c.tif was left out" in stderr
    assert "Error: 1 of 3 images could not be predicted" in stderr


def test_a_full_disk_keeps_the_old_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (data / "model.unet").read_bytes()
    (tmp_path / "m.unet").write_bytes(old)

    def full(*_: Any, **__: Any) -> None:
        raise UserError("m.unet could not be saved: No space left on device.")

    monkeypatch.setattr(Model, "save", full)
    assert "No space left" in mistake(
        "train", "images", "ids", "--labels", "objects", "--start", "model.unet",
        "--out", tmp_path / "m.unet", "--steps", 1,
    )  # fmt: skip
    assert (tmp_path / "m.unet").read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["m.unet"]


def test_a_start_that_was_kept_of_an_interrupted_training_stays(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "m.checkpoint.unet"  # where this training would keep itself, too
    kept.write_bytes((data / "model.unet").read_bytes())
    assert "m.checkpoint.unet is the model to start from" in mistake(
        "train", "images", "ids", "--labels", "objects", "--start", kept,
        "--out", tmp_path / "m.unet", "--steps", 1, "--device", "cpu",
    )  # fmt: skip
    assert kept.read_bytes() == (data / "model.unet").read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["m.checkpoint.unet"]


def test_what_an_interrupted_training_left_is_not_lost_to_a_new_one(
    data: Path, tmp_path: Path
) -> None:
    kept = (data / "model.unet").read_bytes()
    for name in ("m.interrupted.unet", "m.interrupted-2.unet"):
        (tmp_path / "m.checkpoint.unet").write_bytes(kept)
        _, stderr = run(
            "train", "images", "ids", "--labels", "objects", "--out", tmp_path / "m.unet",
            "--steps", 1, "--start", "random", "--device", "cpu",
        )  # fmt: skip
        assert f"--resume --out {tmp_path / name}" in " ".join(stderr.split())
        assert (tmp_path / name).read_bytes() == kept
    assert len(list(tmp_path.iterdir())) == 3
    # A mistake that is found before the training leaves everything as it is.
    (tmp_path / "m.checkpoint.unet").write_bytes(kept)
    mistake("train", "images", "nowhere", "--out", tmp_path / "m.unet", "--steps", 1)
    assert (tmp_path / "m.checkpoint.unet").read_bytes() == kept


def test_faults_of_ours_go_to_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_unet.networks import registry

    def broken(name: str | None) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr(registry, "facts", broken)
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *_, **__: str(tmp_path / "log"))
    _, stderr = run("networks", code=1)
    (log,) = (tmp_path / "log").iterdir()
    assert stderr == (
        f"Error: Something went wrong that should not (ZeroDivisionError: by zero). Details are in "
        f"{log}; please report them.\n"
    )
    assert "Traceback" in log.read_text()
    # and where the log folder cannot be made, elsewhere
    monkeypatch.setattr("platformdirs.user_log_dir", lambda *_, **__: str(log / "no"))
    assert "Details are in" in run("networks", code=1)[1]


def test_memory_that_runs_out_is_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_unet.networks import registry

    for error in (
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ):

        def full(name: str | None, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(registry, "facts", full)
        assert "memory of this machine does not do" in mistake("networks")


def test_results_on_a_full_disk_are_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(console.typer, "echo", full)
    with pytest.raises(UserError, match="Standard output cannot be written: No space left"):
        console.result("all of it")


def test_no_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "has_display", lambda: False)
    assert "There is no display" in mistake("gui", "images")


def test_spacing() -> None:
    assert parse_spacing("0.5, 0.25") == (0.5, 0.25)


def test_notes_that_say_the_same_become_one() -> None:
    notes = ["a: It is a mask.", "General remark", "b: It is a mask.", "c: It is large: 3 GB."]
    assert console.gathered(notes) == [
        "a and 1 more: It is a mask.",
        "General remark",
        "c: It is large: 3 GB.",
    ]


def test_progress_in_a_file_is_sparse(capsys: pytest.CaptureFixture[str]) -> None:
    line = console.ProgressLine()
    for i in range(100):
        line.show(str(i))
    line.show("now", always=True)
    line.end()
    assert capsys.readouterr().err.splitlines() == ["0", "now"]


# ------------------------------------------------------------------ as a process


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "napari_unet", *map(str, arguments)]


def test_as_a_process(data: Path) -> None:
    outcome = subprocess.run(
        command("predict", "missing.unet", "images", "--out", "new"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert outcome.stderr == "Error: There is no model file missing.unet; check the name.\n"
    assert not (data / "new").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX systems")
def test_ctrl_c_keeps_the_model(tmp_path: Path) -> None:
    out = tmp_path / "m.unet"
    process = subprocess.Popen(
        command("train", "images", "ids", "--labels", "objects", "--out", out, "--budget", "10m",
                "--start", "model.unet", "--device", "cpu", "--precision", "float32"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step"):
            break
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == f"{out}\n"
    assert "the model trained so far is kept" in stderr
    assert nu.load(out).header.history.steps >= 1


@pytest.mark.window
def test_gui_opens_images_and_the_dock_without_torch() -> None:
    code = (
        "import sys\n"
        "from napari_unet.cli import window\n"
        "def look():\n"
        "    import napari\n"
        "    viewer = napari.current_viewer()\n"
        "    docks = list(viewer.window.dock_widgets)\n"
        "    print([layer.name for layer in viewer.layers], docks, 'torch' in sys.modules)\n"
        "    viewer.close()\n"
        "window._run = look\n"
        "window.open_gui(['images'])\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "['a', 'b'] ['U-Net (napari-unet-live)'] False"


def test_a_warning_of_ours_is_a_sentence_and_others_are_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def say(category: type[Warning], filename: str, message: str = "dim.tif: too dark.") -> None:
        warnings.warn_explicit(message, category, filename, 7)

    command = console.guarded(say)
    ours = str(Path(nu.__file__).parent / "core" / "parity.py")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = warnings.showwarning
        command(UserWarning, ours)
        assert capsys.readouterr().err == "Note: dim.tif: too dark.\n"
        with pytest.warns(DeprecationWarning, match="too dark"):
            command(DeprecationWarning, ours)
        with pytest.warns(UserWarning, match="too dark"):
            command(UserWarning, "/elsewhere/torch/module.py")
        with pytest.warns(UserWarning, match="of torch"):
            command(UserWarning, ours, "of torch (Triggered internally at a.cpp:1.)")
        assert warnings.showwarning is before
