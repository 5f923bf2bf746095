"""Volumes, the fast mode and zarr from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from small_discs import model_of_discs, scene
from small_models import make_model
from typer.testing import CliRunner

from napari_unet.cli import app
from napari_unet.images.reading import read_image
from napari_unet.model.file import read_header
from napari_unet.model.model import Model

runner = CliRunner()


def test_three_pixel_sizes_mean_a_volume(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((6, 40, 40), np.uint8)
    truth[1:5, 8:24, 10:30] = 1
    tifffile.imwrite(
        tmp_path / "v.tif", (rng.normal(60, 10, truth.shape) + 90 * truth).astype(np.uint8)
    )
    labels = np.zeros_like(truth)
    labels[3] = truth[3] + 1
    tifffile.imwrite(tmp_path / "l.tif", labels)
    start = make_model("unet", 3, width=2, depth=2, padding="same", norm="batch")
    start.save(tmp_path / "start.unet")
    common = ["--axes", "zyx", "--labels", "scribbles", "--steps", "1", "--device", "cpu"]
    files = [str(tmp_path / "v.tif"), str(tmp_path / "l.tif")]
    out = tmp_path / "m.unet"
    done = runner.invoke(
        app,
        ["train", *files, "--out", str(out), "--spacing", "40,6,6", "--network", "lunet", *common],
    )
    assert done.exit_code == 0, done.output
    header = read_header(out)
    assert (header.dims, header.spacing) == (3, (40, 6, 6))
    assert header.arguments["pooling"] == [[1, 2, 2], [1, 2, 2], [2, 2, 2], [1, 2, 2]]
    again = tmp_path / "tuned.unet"
    done = runner.invoke(
        app,
        ["train", *files, "--out", str(again), "--start", str(tmp_path / "start.unet"), *common],
    )
    assert done.exit_code == 0, done.output
    assert read_header(again).dims == 3  # as the model to start from
    found = runner.invoke(
        app,
        ["predict", str(out), files[0], "--out", str(tmp_path / "p"), "--format", "zarr"],
    )
    assert found.exit_code == 0, found.output
    assert read_image(tmp_path / "p" / "v.classes.zarr").data.shape == (6, 40, 40)


def test_one_look_leaves_out_the_second(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "i.tif", image)
    model = make_model("unet", width=2, depth=2, padding="same")
    header = model.header.model_copy(update={"preset": {"second_look": 0.4}})
    model = Model(header, model.network)
    model.save(tmp_path / "m.unet")
    found = {}
    for name, more in (("twice", ()), ("once", ("--one-look",))):
        out = tmp_path / name
        typed = ["predict", str(tmp_path / "m.unet"), str(tmp_path / "i.tif"), "--out", str(out)]
        typed += ["--output", "probability", "--precision", "float32", "--device", "cpu"]
        assert runner.invoke(app, [*typed, *more]).exit_code == 0
        with tifffile.TiffFile(out / "i.probability.tif") as file:
            found[name] = file.asarray()
            share = 0.4 if name == "twice" else 0
            assert f'"second_look": {share}' in (file.ome_metadata or "").replace("&quot;", '"')
    assert np.abs(found["once"] - found["twice"]).max() > 1e-4
    for name, one in (("twice", model), ("once", model.one_look())):
        same = one.predict(image, precision="float32", device="cpu")
        np.testing.assert_allclose(found[name], same, atol=1e-5)


def test_own_size_predicts_the_image_as_it_is(tmp_path: Path) -> None:
    image, model = scene(5)[0], model_of_discs()
    tifffile.imwrite(tmp_path / "i.tif", image)
    model.save(tmp_path / "m.unet")
    for out, more, one in (("large", (), model), ("own", ("--own-size",), model.own_size())):
        typed = ["predict", str(tmp_path / "m.unet"), str(tmp_path / "i.tif"), *more]
        typed += ["--out", str(tmp_path / out), "--output", "objects", "--precision", "float32"]
        done = runner.invoke(app, [*typed, "--device", "cpu"])
        assert done.exit_code == 0, done.output
        assert ("2 times enlarged" in done.output) == (out == "large")
        found = tifffile.imread(tmp_path / out / "i.objects.tif")
        same = one.predict(image, output="objects", precision="float32", device="cpu")
        np.testing.assert_array_equal(found, same)


def test_fast_predicts_with_one_head_and_says_where_it_cannot(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "i.tif", np.zeros((32, 32), np.uint8))
    make_model("unetpp", width=2, depth=2, level=2).save(tmp_path / "nested.unet")
    make_model("unet", width=2, depth=2, padding="same").save(tmp_path / "plain.unet")

    def predict(model: str, *more: str) -> tuple[int, str]:
        image = str(tmp_path / "i.tif")
        typed = ["predict", str(tmp_path / model), image, "--out", str(tmp_path), *more]
        done = runner.invoke(app, typed)
        return done.exit_code, done.output

    assert predict("nested.unet", "--fast", "1", "--output", "probability")[0] == 0
    with tifffile.TiffFile(tmp_path / "i.probability.tif") as file:
        assert "fast" in (file.ome_metadata or "")  # who opens it later can see how it was made
    for options, words in (
        (("nested.unet", "--fast", "3"), "heads from 1 to 2"),
        (("plain.unet", "--fast", "1"), "only UNet++"),
        (("plain.unet", "--format", "png"), "choose from tif, zarr"),
    ):
        code, text = predict(*options)
        assert code != 0
        assert words in text
