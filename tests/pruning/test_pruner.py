"""Prune in rounds; the result is a model like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from small_training import SMALL, discs
from typer.testing import CliRunner

import napari_unet as nu
from napari_unet.cli import app
from napari_unet.errors import UserError
from napari_unet.model.model import Model
from napari_unet.pruning.prepare import prepare

QUICK: dict[str, Any] = {"tile": 32, "batch": 2, "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """images/, labels/ and model.unet."""
    made = tmp_path_factory.mktemp("pruning")
    for part in ("images", "labels"):
        (made / part).mkdir()
    for n in range(2):
        image, ids = discs(n, 96)
        tifffile.imwrite(made / "images" / f"{n}.tif", image)
        tifffile.imwrite(made / "labels" / f"{n}.tif", (ids > 0).astype(np.uint8))
    model = nu.train(
        made / "images", made / "labels", kind="classes", steps=15, arguments=SMALL, **QUICK
    )
    model.save(made / "model.unet")
    return made


def pruned(folder: Path, **options: Any) -> tuple[list[Any], Model]:
    defaults = {"to": "25%", "rounds": 2, "steps": 3, "device": "cpu", "precision": "float32"}
    pruner = prepare(
        nu.load(folder / "model.unet"),
        folder / "images",
        folder / "labels",
        **(defaults | options),
    )
    return list(pruner.run()), pruner.model


@pytest.mark.parametrize("method", ["stamp", "random", "largest"])
def test_the_model_gets_smaller_and_stays_a_model(
    folder: Path, tmp_path: Path, method: str
) -> None:
    points, model = pruned(folder, method=method)
    whole = nu.load(folder / "model.unet")
    before = sum(p.numel() for p in whole.network.parameters())
    sizes = [p.parameters for p in points]
    assert sizes[0] == before
    assert sizes[1] <= before / 2
    assert sizes[2] <= before / 4
    assert sum(p.numel() for p in model.network.parameters()) == sizes[2]
    assert [p.steps for p in points] == [0, 3, 6]
    assert all(p.mean_dice is not None for p in points)
    path = tmp_path / "small.unet"
    model.save(path)
    again = nu.load(path)
    assert again.header.arguments["widths"] == list(points[-1].widths)
    image, _ = discs(0, 96)
    np.testing.assert_array_equal(again.predict(image), model.predict(image))
    assert again.header.classes == whole.header.classes
    assert path.stat().st_size < (folder / "model.unet").stat().st_size / 2


def test_a_pruned_model_can_be_trained_and_pruned_on(folder: Path, tmp_path: Path) -> None:
    _, model = pruned(folder, rounds=1)
    model.save(tmp_path / "small.unet")
    tuned = nu.train(
        folder / "images",
        folder / "labels",
        kind="classes",
        steps=1,
        start=tmp_path / "small.unet",
        **QUICK,
    )
    assert tuned.header.arguments["widths"] == model.header.arguments["widths"]
    pruner = prepare(model, folder / "images", folder / "labels", to="80%", rounds=1, steps=1)
    assert len(list(pruner.run())) == 2
    assert sum(pruner.model.header.arguments["widths"]) < sum(tuned.header.arguments["widths"])


def test_the_same_seed_gives_the_same_network(folder: Path) -> None:
    first, one = pruned(folder, method="random", seed=3, rounds=1)
    second, two = pruned(folder, method="random", seed=3, rounds=1)
    assert first[1].widths == second[1].widths
    for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_model_that_was_given_stays_as_it_was(folder: Path) -> None:
    model = nu.load(folder / "model.unet")
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    pruner = prepare(model, folder / "images", folder / "labels", to="50%", rounds=1, steps=1)
    list(pruner.run())
    assert pruner.model is not model
    assert all(torch.equal(v, before[k]) for k, v in model.network.state_dict().items())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"to": "0.1%"}, "With one channel left in each layer"),
        ({"to": "200%"}, "write it as 10% or 0.1"),
        ({"rounds": 0}, "give a number from 1"),
        ({"steps": 0}, "0 steps are none"),
        ({"seed": 2**64}, "does not fit into 64 bits"),
        ({"budget": "5s"}, "not both"),
        ({"method": "magic"}, "choose from stamp"),
        ({"validation": "nowhere"}, "validation folder nowhere"),
    ],
)
def test_mistakes_are_one_sentence(folder: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        pruned(folder, **options)


def test_labels_with_more_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    labels = []
    for n in range(2):
        _, ids = discs(n, 96)
        labels.append((ids > 0).astype(np.uint8) + (ids == 1))
    model = nu.load(folder / "model.unet")
    images = [discs(n, 96)[0] for n in range(2)]
    with pytest.raises(UserError, match="The labels hold 3 classes, the model knows 2"):
        prepare(model, images, labels, steps=1)


def typed(*words: object) -> Any:
    return CliRunner().invoke(app, [str(w) for w in words])


def test_the_command_prints_the_curve(folder: Path, tmp_path: Path) -> None:
    given = ["prune", folder / "model.unet", "--images", folder / "images"]
    given += ["--labels", folder / "labels", "--to", "40%", "--rounds", 1, "--steps", 2]
    given += ["--device", "cpu", "--precision", "float32"]
    out = tmp_path / "small.unet"
    done = typed(*given, "--out", out)
    assert done.exit_code == 0, done.stderr
    head, _, last, path = done.stdout.splitlines()
    assert "parameters" in head
    assert last.split()[0] == "1"
    assert path == str(out)
    assert "The weights take" in done.stderr
    report = json.loads(typed(*given, "--out", out, "--json").stdout)
    assert [p["round"] for p in report["curve"]] == [0, 1]
    assert report["out"] == str(out)
    same = typed(*given, "--out", folder / "model.unet")
    assert same.exit_code == 1
    assert "is the model to prune" in same.stderr


def test_a_folder_that_cannot_be_written_is_found_out_before_any_round(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    given = ["prune", folder / "model.unet", "--images", folder / "images"]
    done = typed(*given, "--labels", folder / "labels", "--steps", 1, "--out", tmp_path / "n.unet")
    assert done.exit_code == 1
    assert f"no permission to write in {tmp_path}" in done.stderr
    assert "Round" not in done.stderr
