"""``napari-unet verify``: the certificate of a real model, and that it would notice a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from small_discs import model_of_discs, scene
from typer.testing import CliRunner

import napari_unet as nu
from napari_unet.cli import app
from napari_unet.core import parity
from napari_unet.images.image import Image
from napari_unet.prediction.predictor import Predictor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.unet and stack.tif (t, y, x)."""
    made = tmp_path_factory.mktemp("verify")
    image = np.random.default_rng(0).integers(0, 200, (2, 70, 90)).astype(np.uint8)
    image[:, 20:40, 20:40] += 50
    truth = np.zeros((70, 90), np.uint8)
    truth[20:40, 20:40] = 1
    model = nu.train(
        image[0],
        truth,
        kind="classes",
        arguments={"width": 4, "depth": 2},
        tile=32,
        batch=1,
        steps=2,
        device="cpu",
    )
    model.save(made / "model.unet")
    tifffile.imwrite(made / "stack.tif", image, metadata={"axes": "TYX"}, imagej=True)
    return made


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def test_every_way_gives_the_same(folder: Path) -> None:
    done = run(folder / "model.unet", folder / "stack.tif", "--json", "--device", "cpu")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["passed"]
    assert found["shape"] == [2, 70, 90]
    names = [check["name"] for check in found["checks"]]
    assert names[:4] == [
        "command line = Python",
        "dock's engine = Python",
        "weights saved = loaded",
        "file saved = file loaded",
    ]
    assert names[4:7] == ["tiles of 45 = tiles of 30", "tiles of 45 = untiled", names[6]]
    assert all(check["difference"] <= 1e-4 for check in found["checks"] if check["limit"])


def test_a_tiling_that_changes_the_result_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = parity.Subject.predict

    def shifted(self: parity.Subject, **options: Any) -> Any:
        found = honest(self, **options)
        return found + np.float32(1e-3) if options.get("tile") == 30 else found

    monkeypatch.setattr(parity.Subject, "predict", shifted)
    done = run(folder / "model.unet", folder / "stack.tif", "--no-engine", "--device", "cpu")
    assert done.exit_code == 1
    assert "tiles of 45 = tiles of 30" in done.stderr
    assert "FAILED" in done.stdout


def test_large_images_are_compared_in_their_middle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parity.LARGEST, 2, 40)
    model = nu.load(folder / "model.unet")
    image = model.as_image(Image("x", tifffile.imread(folder / "stack.tif"), "tyx"))
    subject = parity.Subject(model, folder / "model.unet", image, "cpu")
    checks = list(parity.tile_checks(subject, subject.predict()))
    assert checks[1].name == "tiles of 45 = untiled (the middle 40 x 40)"
    assert all(check.passed and not check.note for check in checks)


def test_what_finds_the_size_of_objects_is_no_proof_of_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, shown = model_of_discs(), []
    subject = parity.Subject(model, tmp_path, model.as_image(scene(10)[0]), "cpu")
    probability = Predictor._probability

    def watched(self: Predictor, pixels: Any, *more: Any, **others: Any) -> Any:
        shown.append(pixels.shape[1:])
        return probability(self, pixels, *more, **others)

    monkeypatch.setattr(Predictor, "_probability", watched)
    parity._in_one_piece(subject, ((16, 48), (16, 48)))
    whole, part = shown
    assert part < whole


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("model.unet", "none.tif"), "does not exist"),
        (("stack.tif", "stack.tif"), "stack.tif"),
        (("model.unet", "stack.tif", "--axes", "cyx"), "channel"),
        (("model.unet", "stack.tif", "--precision", "float8"), "float8"),
    ],
)
def test_wrong_input_is_one_sentence(folder: Path, arguments: Any, text: str) -> None:
    files = [folder / a if a.endswith((".tif", ".unet")) else a for a in arguments]
    done = run(*files)
    assert done.exit_code == 1
    [line] = [one for one in done.stderr.splitlines() if one.startswith("Error: ")]
    assert text in line
    assert not done.stdout
