"""``napari-unet advise`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import small_training
import tifffile
from typer.testing import CliRunner

from napari_unet.advice import advising
from napari_unet.advice.trial import Candidate, Measured, Trial
from napari_unet.cli import app


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    image, ids = small_training.discs(0, 64)
    for folder in ("images", "ids", "empty"):
        (tmp_path / folder).mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", image)
    tifffile.imwrite(tmp_path / "ids" / "a.tif", ids)
    monkeypatch.chdir(tmp_path)

    def quick(candidate: Candidate) -> Trial:
        width = int(candidate.arguments["width"])
        found = Measured(
            parameters=1,
            step_seconds=0.1,
            image_seconds=width / 100,
            memory=10**8 * width,
            device="cpu",
            precision="float32",
        )
        return Trial(candidate, found)

    monkeypatch.setattr(advising.advise, "__kwdefaults__", {
        **(advising.advise.__kwdefaults__ or {}), "trying": quick
    })  # fmt: skip
    return tmp_path


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    outcome = CliRunner().invoke(app, ["advise", *arguments])
    assert outcome.exit_code == code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome.stdout, outcome.stderr


def test_advice_as_text() -> None:
    stdout, stderr = run("images", "ids", "--labels", "objects", "--device", "cpu")
    assert "Choice: unet (width 16, depth 4)" in stdout
    assert "more than 80 % of 100 variants" in stdout
    assert "napari_unet.train(images, labels" in stdout
    assert "trying 1/" in stderr
    stdout, _ = run(
        "images", "ids", "--labels", "objects", "--max-memory", "1GB", "--device", "cpu"
    )
    assert "Choice: unet (width 8, depth 4)" in stdout
    assert "over: memory" in stdout


def test_advice_as_json() -> None:
    limits = ("--max-memory", "4GB", "--max-seconds-per-image", "0.1")
    stdout, _ = run("images", "ids", "--labels", "objects", *limits, "--device", "cpu", "--json")
    found = json.loads(stdout)
    assert found["limits"] == {"memory": 4 * 10**9, "seconds_per_image": 0.1}
    first = found["choices"][0]
    assert first["rank"] == 1
    assert first["width"] == 8
    assert first["within_limits"]
    assert set(first["why"]) == {"network", "width", "patch", "sigma"}
    assert found["features"]["objects"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing", "ids"), "missing"),
        (("empty", "ids"), "empty"),
        (("images", "ids", "--labels", "blobs"), "blobs"),
        (("images", "ids", "--max-memory", "lots"), "'lots' is not understood"),
        (("images", "ids", "--max-seconds-per-image", "0"), "no limit"),
        (("images", "ids", "--device", "abacus"), "no device 'abacus'"),
        (("images", "ids", "--precision", "wrong"), "no precision 'wrong'"),
        (("images", "ids", "--comparison", "empty"), "no finished comparison"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    stdout, stderr = run(*arguments, code=1)
    assert stdout == ""
    (line,) = stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
