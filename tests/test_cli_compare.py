"""``napari-unet compare`` as typed, and killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_training
import tifffile
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.comparison.events import Planned
from napari_unet.comparison.folder import read_folder
from napari_unet.comparison.running import compare
from napari_unet.comparison.store import lock

USUAL = ("--labels", "classes", "--folds", "2", "--device", "cpu", "--precision", "float32")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for sub in ("images", "masks", "empty"):
        (folder / sub).mkdir()
    for number in range(4):
        image, ids = small_training.discs(number, 40)
        tifffile.imwrite(folder / "images" / f"{number}.tif", image)
        tifffile.imwrite(folder / "masks" / f"{number}.tif", (ids > 0).astype(np.uint8))
    return folder


@pytest.fixture(autouse=True)
def in_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)


def run(*arguments: object, code: int = 0) -> tuple[str, str]:
    outcome = CliRunner().invoke(app, [str(a) for a in arguments])
    assert outcome.exit_code == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome.stdout, outcome.stderr


def test_report_and_what_is_said(tmp_path: Path) -> None:
    command = ("compare", "images", "masks", "--networks", "lunet", "--steps", 1, *USUAL)
    stdout, stderr = run(*command, "--out", tmp_path)
    assert stdout == f"{tmp_path / 'report.md'}\n"
    assert "unet takes part too" in stderr
    assert "2 networks on 4 images: 4 runs." in stderr
    assert "[4/4] lunet, fold 2: iou 0." in stderr
    stdout, stderr = run(*command, "--out", tmp_path)
    assert "4 of them finished before" in stderr
    _, stderr = run(*command, "--seed", 1, "--out", tmp_path, code=1)
    assert stderr.startswith("Error: ") or "\nError: " in stderr
    assert "seed was 0, now 1" in stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("images", "masks", "--networks", "cnn"), "no network 'cnn'"),
        (("missing", "masks", "--networks", "all"), "missing"),
        (("empty", "masks", "--networks", "all"), "empty"),
        (("images", "missing", "--networks", "all"), "missing"),
        (("images", "masks", "--networks", "unet", "--budget", "5 apples"), "not understood"),
        (("images", "masks", "--networks", "unet", "--folds", "9"), "4 image"),
        (("images", "masks", "--networks", "unet", "--metric", "x"), "metric 'x'"),
        (("images", "masks", "--networks", "unet", "--transfer", "a", "b"), "a"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    stdout, stderr = run("compare", *arguments, "--out", tmp_path / "new", code=1)
    assert stdout == ""
    (line,) = [line for line in stderr.splitlines() if not line.startswith("Note:")]
    assert line.startswith("Error: ")
    assert words in line
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_gone_on_with_by_anybody(tmp_path: Path, data: Path) -> None:
    """From the folder alone: by a window, which reads the request, and by the command."""
    run("compare", "images", "masks", "--networks", "unet", "--steps", 1, *USUAL, "--seed", 3,
        "--out", tmp_path)  # fmt: skip
    contents = read_folder(tmp_path)
    request = contents.request
    assert request is not None
    assert (request.images, request.networks) == (str(data / "images"), ("unet",))
    assert (request.steps, request.seed, request.precision) == (1, 3, "float32")
    planned = next(compare(**request.arguments(tmp_path)))
    assert isinstance(planned, Planned)
    assert (planned.runs, planned.finished) == (2, 2)
    (tmp_path / "runs" / "unet.fold-2.json").unlink()
    assert "Start goes on with it" in read_folder(tmp_path).sentence
    stdout, stderr = run("compare", "--out", tmp_path)
    assert stdout == f"{tmp_path / 'report.md'}\n"
    assert "1 of them finished before" in stderr
    _, stderr = run("compare", "--out", tmp_path, "--steps", 2, code=2)
    assert "--steps needs IMAGES and LABELS too" in stderr
    _, stderr = run("compare", "--out", tmp_path / "new", code=1)
    assert "says what it is of: give IMAGES" in stderr


def test_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    command = ("compare", "images", "masks", "--networks", "unet", "--steps", 1, *USUAL)
    with lock(tmp_path):
        stdout, stderr = run(*command, "--out", tmp_path, code=1)
    assert stdout == ""
    assert f"A comparison is running in {tmp_path} already (process {os.getpid()} on" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_options_that_are_missing() -> None:
    run("compare", "images", "masks", "--networks", "all", code=2)
    run("compare", "images", "--networks", "all", "--out", "x", code=2)
    run("compare", "images", "masks", "--out", "x", code=2)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX systems")
def test_killed_and_repeated(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["compare", "images", "masks", "--networks", "lunet", *USUAL, "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_unet.cli", *command, "--steps", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[1/4] unet, fold 1: iou"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    kept = {p.name: p.read_bytes() for p in (out / "runs").glob("*.json")}
    assert "unet.fold-1.json" in kept
    assert not (out / "report.md").exists()
    _, stderr = run(*command, "--steps", "2")
    assert f"{len(kept)} of them finished before" in stderr
    assert {name: (out / "runs" / name).read_bytes() for name in kept} == kept
    assert len(list((out / "runs").iterdir())) == 4
    assert (out / "report.md").exists()
