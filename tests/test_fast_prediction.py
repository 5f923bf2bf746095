"""Files are predicted as fast as measured, but never with other classes than in float32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from small_models import make_model

from napari_unet.core import fast_prediction, predict_files
from napari_unet.core.fast_prediction import sample
from napari_unet.images.image import Image
from napari_unet.model.model import Model
from napari_unet.prediction import device
from napari_unet.prediction.way import Way
from napari_unet.speed import choosing, memory, trials
from napari_unet.speed.trials import Choice

ARGUMENTS = {"width": 2, "depth": 1, "padding": "same", "norm": "batch", "dropout": 0.0}


@pytest.fixture
def model() -> Model:
    return make_model("unet", **ARGUMENTS)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (40, 60), np.uint8))
    return path


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache" / "speed.json"
    monkeypatch.setenv(memory.VARIABLE, str(path))
    return path


def described(path: Path, out: Path, model: Model, **options: str) -> dict[str, object]:
    list(predict_files(model, path, out, ["classes"], device="cpu", **options))
    with tifffile.TiffFile(out / "a.classes.tif") as written:
        xml = written.ome_metadata
    assert xml is not None
    text = xml[xml.index("<Description>") + 13 : xml.index("</Description>")]
    found: dict[str, object] = json.loads(text.replace("&quot;", '"'))
    return found


def choose(
    monkeypatch: pytest.MonkeyPatch, way: Way | None, measured: dict[str, Any] | None = None
) -> list[int]:
    """Let every measurement choose ``way``; returns the list of measurements."""
    made: list[int] = []

    def trial(*_: object) -> object:
        made.append(1)
        yield
        return None if way is None else Choice(way, measured or {})

    monkeypatch.setattr(fast_prediction, "try_prediction", trial)
    return made


def test_measured_once_and_written_down(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = choose(monkeypatch, Way("float32", channels_last=False, folded=True))
    for name in ("one", "two"):
        found = described(image, tmp_path / name, model)
        assert (found["precision"], found["device"]) == ("float32", "cpu")
    assert made == [1]
    assert model.predictor("cpu").way.folded


def test_measured_once_where_nothing_can_be_written_down(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("")  # where the folder should be
    made = choose(monkeypatch, Way("float32", channels_last=False, folded=True))
    for name in ("one", "two"):
        described(image, tmp_path / name, model)
    assert made == [1]
    assert model.predictor("cpu").way.folded


def test_too_slow_to_measure_means_the_rule_and_no_second_try(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: False)
    made = choose(monkeypatch, None)
    for name in ("one", "two"):
        described(image, tmp_path / name, model)
    assert made == [1]
    assert model.predictor("cpu").way == Way("float32")


def test_a_model_that_bears_no_bf16_says_nothing_of_others(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: mean == 0)
    made = choose(monkeypatch, Way(), measured={str(Way("bf16")): {"allowed": False}})
    *_, last = predict_files(model, image, tmp_path / "first", ["classes"], device="cpu")
    assert "float32 is used" in last.notes[0]
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: True)
    assert described(image, tmp_path / "second", model)["precision"] == "bf16"
    assert made == [1]


def test_a_way_that_is_out_does_not_matter_where_the_rule_is_none_of_it(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: False)
    choose(monkeypatch, Way(folded=True), measured={str(Way("fp16")): {"allowed": False}})
    described(image, tmp_path / "out", model)
    assert model.predictor("cpu").way.folded


@pytest.mark.parametrize("same", [True, False])
def test_another_model_whose_classes_would_change_is_predicted_in_float32(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    choose(monkeypatch, Way("bf16"))
    described(image, tmp_path / "first", model)
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: same)
    found = described(image, tmp_path / "second", model)
    assert found["precision"] == ("bf16" if same else "float32")


def test_a_chosen_precision_is_never_questioned(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    made = choose(monkeypatch, Way("bf16"))
    assert described(image, tmp_path / "out", model, precision="float32")["precision"] == "float32"
    assert made == []
    assert not file.exists()


@pytest.mark.parametrize("shape", [(5, 7), (300, 20), (600, 900)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_the_piece_that_is_looked_at_fits_the_network(shape: tuple[int, int], padding: str) -> None:
    model = make_model("unet", **(ARGUMENTS | {"padding": padding}))
    pixels = np.zeros(shape, np.uint8)
    piece = sample(model, Image("a", pixels, "yx"))
    model.geometry.check_input(piece.shape[1:])
    assert max(piece.shape) < 300


def test_the_user_is_told_of_float32(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, Way("bf16"))
    described(image, tmp_path / "first", model)
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: False)
    *_, last = predict_files(model, image, tmp_path / "second", ["classes"], device="cpu")
    assert len(last.notes) == 1
    assert "float32 is used" in last.notes[0]
    assert "the precision bf16 is kept" in last.notes[0]


def test_measuring_that_fails_ends_no_prediction(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def broken(*_: object) -> object:
        made.append(1)
        yield
        raise RuntimeError("could not create a primitive")

    monkeypatch.setattr(fast_prediction, "try_prediction", broken)
    for name in ("one", "two"):
        described(image, tmp_path / name, model)
    assert made == [1]


def test_the_piece_that_is_looked_at_is_where_something_is(model: Model) -> None:
    pixels = np.zeros((3, 600, 900), np.uint8)
    pixels[2, -100:, -100:] = np.random.default_rng(0).integers(0, 255, (100, 100))
    assert sample(model, Image("a", pixels, "tyx")).var() > 0
    flat = np.full((600, 900), np.nan, np.float32)
    flat[:260] = 3
    assert np.isfinite(sample(model, Image("a", flat, "yx"))).all()


def test_each_image_is_compared_with_float32_and_a_blank_one_decides_nothing(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(model, Way("bf16"))
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "0.tif", np.zeros((40, 60), np.uint8))
    image.rename(folder / "a.tif")
    seen: list[float] = []

    def near(mean: float, changed: float) -> bool:
        seen.append(mean)
        return len(seen) == 1

    monkeypatch.setattr(fast_prediction, "near", near)
    found = described(folder, tmp_path / "out", model)
    assert len(seen) == 2
    assert found["precision"] == "float32"


@pytest.mark.parametrize("first", [Way("bf16"), Way("bf16", channels_last=False, folded=True)])
def test_what_is_fastest_meanwhile_makes_no_finished_prediction_worthless(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Way
) -> None:
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: True)
    for way in (first, Way(folded=True)):
        remember(model, way)
        *_, last = predict_files(model, image, tmp_path / "out", device="cpu", resume=True)
    assert "a was predicted before" in last.notes[0]
    *_, last = predict_files(
        model, image, tmp_path / "out", device="cpu", resume=True, precision="float32"
    )
    assert not last.notes


def remember(model: Model, way: Way) -> None:
    header = model.header
    choosing.remember(
        "prediction",
        header.network,
        header.arguments,
        dims=2,
        device=torch.device("cpu"),
        way=way,
        measured={},
    )


def test_a_half_done_prediction_goes_on_as_it_was_begun(
    model: Model, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(fast_prediction, "near", lambda mean, changed: True)
    options: dict[str, Any] = {"device": "cpu", "resume": True, "tile": 16}
    probability = ["probability"]
    remember(model, Way("bf16"))
    list(predict_files(model, image, tmp_path / "whole", probability, **options))
    job = predict_files(model, image, tmp_path / "out", probability, **options)
    for one in job:
        if one.tile >= 3:
            job.close()  # type: ignore[attr-defined]
    remember(model, Way("float32", channels_last=False, folded=True))
    first, *_ = predict_files(model, image, tmp_path / "out", probability, **options)
    assert "tiles were done before: the prediction goes on there" in first.notes[0]
    whole, found = (
        tifffile.imread(tmp_path / name / "a.probability.tif") for name in ("whole", "out")
    )
    np.testing.assert_array_equal(found, whole)
