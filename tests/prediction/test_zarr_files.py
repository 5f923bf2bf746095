"""Predictions as OME-Zarr: the same as TIFF, whole or not at all, slab by slab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_unet.core import predict_files
from napari_unet.errors import UserError
from napari_unet.images import normalise
from napari_unet.images.image import Image
from napari_unet.images.reading import read_image, stem
from napari_unet.model.header import Header, NormalisationConstants, default_classes
from napari_unet.model.model import Model
from napari_unet.networks import registry
from napari_unet.prediction.files import PredictionFiles
from napari_unet.prediction.output import DTYPES
from napari_unet.prediction.zarr_files import chunk_sides

NAMES = ("background", "cell")
POOLING = [[1, 2, 2], [2, 2, 2]]


@pytest.fixture
def model() -> Model:
    arguments: dict[str, Any] = {"width": 2, "depth": 2, "padding": "same", "pooling": POOLING}
    network = registry.build("unet", dims=3, in_channels=1, out_channels=2, arguments=arguments)
    header = Header(
        network="unet",
        arguments=arguments,
        dims=3,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="zyx",
        spacing=(4, 1, 1),
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    )
    return Model(header, network.eval())


def test_all_outputs_as_ome_zarr(tmp_path: Path) -> None:
    volume = Image("v", np.zeros((4, 5, 6), np.uint8), "zyx", dims=3, spacing=(2.0, 1.0, 0.5))
    p = np.random.default_rng(0).random((2, 4, 5, 6), np.float32)
    with PredictionFiles(tmp_path, "v", list(DTYPES), volume, NAMES, form="zarr") as target:
        target.write((), ((0, 2), (0, 5), (0, 6)), p[:, :2])
        target.write((), ((2, 4), (0, 5), (0, 6)), p[:, 2:])
        np.testing.assert_array_equal(target.plane(()), p)
        target.write_objects((), np.full((4, 5, 6), 70_000, np.int32))
        assert not list(tmp_path.glob("v*"))
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(f"v.{o}.zarr" for o in DTYPES)
    image = read_image(tmp_path / "v.probability.zarr", dims=3)
    assert (image.axes, image.spacing) == ("czyx", (2.0, 1.0, 0.5))
    assert stem(tmp_path / "v.probability.zarr") == "v"
    np.testing.assert_array_equal(np.asarray(image.data[...]), p)
    classes = read_image(tmp_path / "v.classes.zarr", dims=3)
    assert (classes.axes, classes.data.dtype) == ("zyx", np.uint8)
    assert int(read_image(tmp_path / "v.objects.zarr").data[0, 0, 0]) == 70_000


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    volume = Image("v", np.zeros((4, 5, 6), np.uint8), "zyx", dims=3)
    p = np.full((2, 4, 5, 6), 0.5, np.float32)
    box = ((0, 4), (0, 5), (0, 6))
    for value in (0, 1):
        p[1] = value
        with PredictionFiles(tmp_path, "v", ["classes"], volume, NAMES, form="zarr") as target:
            target.write((), box, p)
    with (
        pytest.raises(KeyboardInterrupt),
        PredictionFiles(tmp_path, "v", ["classes"], volume, NAMES, form="zarr"),
    ):
        raise KeyboardInterrupt
    assert [f.name for f in tmp_path.iterdir()] == ["v.classes.zarr"]
    assert (np.asarray(read_image(tmp_path / "v.classes.zarr").data[...]) == 1).all()
    with pytest.raises(UserError, match="choose from tif, zarr"):
        PredictionFiles(tmp_path, "v", ["classes"], volume, NAMES, form="png")


@pytest.mark.parametrize("form", ["zarr", "tif"])
def test_a_volume_is_never_in_memory_as_a_whole(
    tmp_path: Path, model: Model, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a chunked volume on disk, boxes in and boxes out; the result is that of one piece."""
    shape = (24, 96, 96)
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    source = zarr.create_array(tmp_path / "v.zarr", shape=shape, chunks=(8, 32, 32), dtype="u1")
    source[...] = pixels
    sizes: list[int] = []
    read = Image.read

    def watched(self: Image, *arguments: Any) -> Any:
        block = read(self, *arguments)
        sizes.append(block.size)
        return block

    monkeypatch.setattr(Image, "read", watched)
    monkeypatch.setattr(normalise, "READ", 2**12)  # what is looked at for its greys is bounded, too
    done = list(
        predict_files(
            model,
            tmp_path / "v.zarr",
            tmp_path / "out",
            ["probability", "classes"],
            tile=16,
            axes="zyx",
            form=form,
            precision="float32",
        )
    )
    assert done[-1].tiles == 2 * 36
    halo = model.geometry.halo
    assert max(sizes) <= np.prod([16 + 2 * h for h in halo]) < pixels.size
    expected = model.predict(pixels, tile=list(shape), precision="float32")
    found = read_image(tmp_path / "out" / f"v.probability.{form}", dims=3)
    assert abs(np.asarray(found.data[...]) - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("tile", "chunk"),
    [
        ((512, 500), (512, 500)),
        ((1536, 4096), (768, 1024)),
        ((2053, 1031), (512, 512)),  # primes
        ((64, 96, 128), (64, 96, 128)),
        ((256, 64, 64), (128, 64, 64)),
    ],
)
def test_tiles_fill_whole_chunks(tile: tuple[int, ...], chunk: tuple[int, ...]) -> None:
    assert chunk_sides(tile) == chunk
