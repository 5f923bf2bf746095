"""Predictions on disk: right, whole or not at all, and never in memory as a whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.prediction import tiff_files
from napari_unet.prediction.files import PredictionFiles
from napari_unet.prediction.output import DTYPES, classes, uncertainty
from napari_unet.prediction.tiff_files import OutputTiff

NAMES = ("background", "cell")


def stack(**keywords: Any) -> Image:
    return Image("stack", np.zeros((3, 20, 30), np.uint8), "tyx", **keywords)


def probability_of(index: int, *shape: int) -> np.ndarray:
    p = np.random.default_rng(index).random(shape, np.float32)
    return np.stack([1 - p, p])


def write_all(target: PredictionFiles) -> None:
    for t in range(3):
        whole = probability_of(t, 20, 30)
        for rows in ((0, 12), (12, 20)):
            target.write((t,), (rows, (0, 30)), whole[:, slice(*rows)])


def test_all_outputs_of_a_series(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    image = stack(spacing=(0.5, 0.25))
    with PredictionFiles(folder, "a.b", list(DTYPES), image, NAMES, description="µ 1") as target:
        write_all(target)
        for t in range(3):
            np.testing.assert_array_equal(target.plane((t,)), probability_of(t, 20, 30))
            target.write_objects((t,), np.full((20, 30), t + 70_000, np.int32))
        assert not list(folder.glob("a*"))
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"a.b.{o}.tif" for o in DTYPES)
    for output, dtype in DTYPES.items():
        with tifffile.TiffFile(folder / f"a.b.{output}.tif") as tif:
            array = tif.asarray()
            assert tif.series[0].axes == ("CTYX" if output == "probability" else "TYX")
            assert 'PhysicalSizeX="0.25"' in tif.ome_metadata
            assert 'PhysicalSizeY="0.5"' in tif.ome_metadata
            assert "<Description>µ 1<" in tif.ome_metadata
            assert ('Name="cell"' in tif.ome_metadata) == (output == "probability")
            assert tif.pages[0].tags["XResolution"].value == (40_000, 1)
            assert tif.pages[0].tags["YResolution"].value == (20_000, 1)
        assert array.dtype == dtype
        for t in range(3):
            p = probability_of(t, 20, 30)
            expected = {
                "probability": p,
                "classes": classes(p),
                "uncertainty": uncertainty(p),
                "objects": np.full((20, 30), t + 70_000),
            }[output]
            np.testing.assert_array_equal(
                array[:, t] if output == "probability" else array[t], expected
            )


def test_volume_with_pixel_size(tmp_path: Path) -> None:
    image = Image("v", np.zeros((4, 5, 6), np.uint8), "zyx", dims=3, spacing=(2.0, 1.0, 0.5))
    with PredictionFiles(tmp_path, "v", ["probability"], image, NAMES) as target:
        target.write((), ((0, 4), (0, 5), (0, 6)), probability_of(0, 4, 5, 6))
    with tifffile.TiffFile(tmp_path / "v.probability.tif") as tif:
        assert tif.series[0].axes == "CZYX"
        assert 'PhysicalSizeZ="2.0"' in tif.ome_metadata
        np.testing.assert_array_equal(tif.asarray(), probability_of(0, 4, 5, 6))


def test_objects_alone_leave_nothing_else(tmp_path: Path) -> None:
    with PredictionFiles(tmp_path, "s", ["objects"], stack(), NAMES) as target:
        for t in range(3):
            target.write((t,), ((0, 20), (0, 30)), probability_of(t, 20, 30))
            np.testing.assert_array_equal(target.plane((t,)), probability_of(t, 20, 30))
            target.write_objects((t,), (target.plane((t,))[1] > 0.5).astype(np.int32))
    assert [p.name for p in tmp_path.iterdir()] == ["s.objects.tif"]
    array = tifffile.imread(tmp_path / "s.objects.tif")
    np.testing.assert_array_equal(array[2], probability_of(2, 20, 30)[1] > 0.5)


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_an_error_leaves_the_older_files_and_nothing_new(
    tmp_path: Path, error: BaseException
) -> None:
    old = tmp_path / "s.classes.tif"
    old.write_bytes(b"older")

    def fail() -> None:
        with PredictionFiles(tmp_path, "s", ["classes", "objects"], stack(), NAMES) as target:
            write_all(target)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["s.classes.tif"]
    assert old.read_bytes() == b"older"


def test_success_replaces_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "s.classes.tif").write_bytes(b"older")
    with PredictionFiles(tmp_path, "s", ["classes"], stack(), NAMES) as target:
        write_all(target)
    assert tifffile.imread(tmp_path / "s.classes.tif").shape == (3, 20, 30)


def test_full_disk_is_said_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tiff_files, "_allocate", full)
    with (
        pytest.raises(UserError, match=r"s.probability.tif cannot be written: No space left"),
        PredictionFiles(tmp_path, "s", ["probability"], stack(), NAMES),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("native", [True, False])
def test_space_is_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    if not native:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    tiff = OutputTiff(tmp_path / "a.tif", (600, 5000), "yx", np.uint8)
    (temporary,) = tmp_path.iterdir()
    if hasattr(temporary.stat(), "st_blocks"):
        assert temporary.stat().st_blocks * 512 >= 600 * 5000
    tiff.array[-1, -1] = 7
    tiff.commit()
    array = tifffile.imread(tmp_path / "a.tif")
    assert array[-1, -1] == 7
    assert array.sum() == 7


def test_large_files_are_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_files, "BIG", 1000)
    for name, shape in (("small", (10, 10)), ("large", (60, 60))):
        OutputTiff(tmp_path / f"{name}.tif", shape, "yx", np.uint8).commit()
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as tif:
            assert tif.is_bigtiff == (name == "large")


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot be written"),
        PredictionFiles(tmp_path / "file", "s", ["classes"], stack(), NAMES),
    ):
        pass


def test_unknown_output(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no output 'labels'; choose from probability, classes"):
        PredictionFiles(tmp_path, "s", ["labels"], stack(), NAMES)
