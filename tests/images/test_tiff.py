from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.errors import UserError
from napari_unet.images import source
from napari_unet.images.reading import read_image


def numbers(*shape: int, dtype: str = "u2") -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)


OME = {"ome": True}
CASES: list[tuple[str, tuple[int, ...], dict[str, Any], str]] = [
    ("plane", (20, 30), {}, "yx"),
    ("pages", (7, 20, 30), {}, "zyx"),
    ("pages without metadata", (7, 20, 30), {"metadata": None}, "zyx"),
    ("3 pages", (3, 20, 30), {"photometric": "minisblack"}, "zyx"),
    ("two axes of pages", (4, 7, 20, 30), {}, "tzyx"),
    ("three axes of pages", (2, 4, 7, 20, 30), {}, "tzcyx"),
    ("RGB", (20, 30, 3), {"photometric": "rgb"}, "yxc"),
    ("planar RGB", (3, 20, 30), {"photometric": "rgb", "planarconfig": "separate"}, "cyx"),
    ("RGB pages", (5, 20, 30, 3), {"photometric": "rgb"}, "zyxc"),
    ("ImageJ", (2, 3, 4, 20, 30), {"imagej": True, "metadata": {"axes": "TZCYX"}}, "tzcyx"),
    ("ImageJ channels", (4, 20, 30), {"imagej": True, "metadata": {"axes": "CYX"}}, "cyx"),
    ("ImageJ time", (4, 20, 30), {"imagej": True, "metadata": {"axes": "TYX"}}, "tyx"),
    ("OME", (2, 4, 3, 20, 30), {**OME, "metadata": {"axes": "TCZYX"}}, "tczyx"),
    (
        "OME RGB",
        (5, 20, 30, 3),
        {**OME, "photometric": "rgb", "metadata": {"axes": "ZYXS"}},
        "zyxc",
    ),
    ("OME of one", (1, 1, 1, 20, 30), {**OME, "metadata": {"axes": "TCZYX"}}, "yx"),
    ("tiled", (5, 64, 80), {"tile": (16, 32), "compression": "zlib"}, "zyx"),
    ("big-endian", (5, 20, 30), {"byteorder": ">"}, "zyx"),
]


@pytest.mark.parametrize("lazy", [False, True], ids=["at once", "lazily"])
@pytest.mark.parametrize(
    ("shape", "options", "axes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_axes_and_pixels(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
    options: dict[str, Any],
    axes: str,
    lazy: bool,
) -> None:
    monkeypatch.setattr(source, "LAZY_ABOVE", 0 if lazy else 2**20)
    array = numbers(*shape)
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == axes
    assert isinstance(image.data, np.memmap | zarr.Array if lazy else np.ndarray)
    np.testing.assert_array_equal(np.asarray(image.data[...]), array.squeeze())
    part = image.read(tuple(n - 1 for n in image.leading_shape), ((3, 9), (10, 17)))
    assert part.dtype == np.uint16
    assert part.dtype.isnative
    order = [axes.index(a) for a in "tzcyx" if a in axes]
    full = array.squeeze().transpose(order)
    last = full[(-1,) * len(image.leading_axes)]
    np.testing.assert_array_equal(part.squeeze(), last[..., 3:9, 10:17])


def test_large_files_are_mapped_or_decoded_by_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LAZY_ABOVE", 1000)
    array = numbers(64, 80)
    tifffile.imwrite(tmp_path / "raw.tif", array)
    tifffile.imwrite(tmp_path / "tiled.tif", array, tile=(16, 16), compression="zlib")
    assert isinstance(read_image(tmp_path / "raw.tif").data, np.memmap)
    tiled = read_image(tmp_path / "tiled.tif")
    assert isinstance(tiled.data, zarr.Array)
    assert tiled.data.chunks == (16, 16)
    del tiled
    gc.collect()  # a file left open would be a ResourceWarning, which is an error here
    (tmp_path / "tiled.tif").unlink()


def test_pyramid_gives_the_full_resolution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = numbers(64, 80)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(array, subifds=1, tile=(16, 16))
        writer.write(array[::2, ::2], subfiletype=1, tile=(16, 16))
    for limit in (0, 2**20):
        monkeypatch.setattr(source, "LAZY_ABOVE", limit)
        np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif").read()[0], array)


def test_axes_from_the_user_win(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(5, 20, 30))
    assert read_image(tmp_path / "a.tif", axes="tyx").leading_axes == "t"


def test_pixel_size_of_ome(tmp_path: Path) -> None:
    sizes = {
        "PhysicalSizeX": 150.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.2,
        "PhysicalSizeZ": 0.001,
        "PhysicalSizeZUnit": "mm",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers(4, 20, 30), metadata={"axes": "ZYX", **sizes})
    assert read_image(tmp_path / "a.ome.tif").spacing == pytest.approx((0.2, 0.15))
    assert read_image(tmp_path / "a.ome.tif", dims=3).spacing == pytest.approx((1, 0.2, 0.15))
    sizes = {"PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 1.0}
    tifffile.imwrite(tmp_path / "b.ome.tif", numbers(20, 30), metadata={"axes": "YX", **sizes})
    assert read_image(tmp_path / "b.ome.tif").spacing is None


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_pixel_size_of_imagej(tmp_path: Path, unit: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        numbers(4, 20, 30),
        imagej=True,
        resolution=(5, 4),
        metadata={"axes": "ZYX", "spacing": 0.5, "unit": unit},
    )
    assert read_image(tmp_path / "a.tif", dims=3).spacing == pytest.approx((0.5, 0.25, 0.2))
    assert read_image(tmp_path / "a.tif").spacing == pytest.approx((0.25, 0.2))


def test_no_pixel_size_without_a_unit_of_length(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "dpi.tif", numbers(20, 30), resolution=(72, 72), resolutionunit=2)
    tifffile.imwrite(tmp_path / "ij.tif", numbers(20, 30), imagej=True, resolution=(5, 4))
    assert read_image(tmp_path / "dpi.tif").spacing is None
    assert read_image(tmp_path / "ij.tif").spacing is None


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("lazy", [False, True], ids=["at once", "lazily"])
def test_truncated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None, lazy: bool
) -> None:
    monkeypatch.setattr(source, "LAZY_ABOVE", 0 if lazy else 2**20)
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 2**16, (200, 300), np.uint16)
    tifffile.imwrite(path, noise, compression=compression)
    path.write_bytes(path.read_bytes()[:-60_000])
    with pytest.raises(UserError, match=r"a\.tif can"):
        read_image(path).read()


def test_scrambled_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(20, 30), compression="zlib")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 8):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        with suppress(UserError):
            read_image(path).read()
