from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.images.image import Image

SIZES = {"t": 2, "z": 3, "c": 4, "y": 5, "x": 6}
ALL_AXES = [
    "".join(p) for n in range(2, 6) for p in permutations("tzcyx", n) if {"y", "x"} <= set(p)
]


def canonical(data: np.ndarray, axes: str) -> np.ndarray:
    """Slow and obvious: an array t, z, c, y, x."""
    missing = [a for a in "tzcyx" if a not in axes]
    full = data[(np.newaxis,) * len(missing)]
    return np.einsum("".join(missing) + axes + "->tzcyx", full)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(ALL_AXES), st.sampled_from((2, 3)), st.data())
def test_read_is_the_box_of_the_canonical_array(axes: str, dims: int, data: st.DataObject) -> None:
    shape = tuple(SIZES[a] for a in axes)
    array = np.arange(np.prod(shape)).reshape(shape)
    if dims == 3 and "z" not in axes:
        with pytest.raises(UserError, match="one must be z"):
            Image("a", array, axes, dims)
        return
    image = Image("a", array, axes, dims)
    tzcyx = canonical(array, axes)
    index = data.draw(st.sampled_from(list(image.indices())))
    box = tuple(
        data.draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda s: s[0] < s[1]))
        for n in image.spatial_shape
    )
    place = dict(zip(image.leading_axes, index, strict=True))
    plane = tzcyx[place.get("t", 0)]
    expected = plane[place.get("z", 0)] if dims == 2 else np.moveaxis(plane, 1, 0)
    assert image.channels == expected.shape[0]
    assert image.spatial_shape == expected.shape[1:]
    np.testing.assert_array_equal(image.read(index), expected)
    cut = expected[(slice(None), *(slice(*s) for s in box))]
    np.testing.assert_array_equal(image.read(index, box), cut)


def test_leading_axes_come_out_as_t_z() -> None:
    image = Image("a", np.zeros((3, 2, 5, 6)), "ztyx")
    assert (image.leading_axes, image.leading_shape) == ("tz", (2, 3))
    assert list(image.indices())[:4] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    volume = Image("a", np.zeros((3, 2, 5, 6)), "ztyx", dims=3)
    assert (volume.leading_axes, volume.spatial_axes) == ("t", "zyx")
    assert list(Image("a", np.zeros((5, 6)), "yx").indices()) == [()]


class Spy:
    """Numpy array that remembers how many values were asked of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.values = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.array[key]
        self.values += part.size
        return part


def test_only_the_box_is_read() -> None:
    spy = Spy(np.zeros((7, 100, 100), np.uint8))
    Image("a", spy, "tyx").read((3,), ((10, 20), (0, 5)))
    assert spy.values == 50


def test_dask_and_zarr_are_computed_box_by_box(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (3, 40, 50), np.uint8)
    computed = []

    def block(piece: np.ndarray) -> np.ndarray:
        computed.append(piece.shape)
        return piece

    lazy = da.from_array(array, chunks=(1, 20, 25)).map_blocks(block, meta=array[:0, :0, :0])
    stored = zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(1, 20, 25))
    for data in (lazy, stored):
        part = Image("a", data, "zyx").read((1,), ((22, 30), (2, 9)))
        np.testing.assert_array_equal(part[0], array[1, 22:30, 2:9])
    assert len(computed) == 1


@pytest.mark.parametrize("dtype", [">u2", ">i4", ">f4", "<f8", "f2", "i8", "u1"])
def test_native_dtype(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    pixels = Image("a", array, "yx").read()
    assert pixels.dtype == np.dtype(dtype).newbyteorder("=")
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels[0], array)


def test_truth_values_become_numbers() -> None:
    pixels = Image("a", np.eye(3, dtype=bool), "yx").read()
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[0], np.eye(3))


def test_read_returns_memory_of_its_own() -> None:
    array = np.zeros((3, 4))
    Image("a", array, "yx").read()[:] = 1
    assert not array.any()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), complex),
        np.full((2, 2), None),
        np.full((2, 2), "a"),
        np.zeros((2, 2), "M8"),
    ],
)
def test_refuses_what_is_no_real_number(array: np.ndarray) -> None:
    with pytest.raises(UserError, match="only real numbers"):
        Image("a", array, "yx")


def test_refuses_an_empty_array_and_a_bad_spacing() -> None:
    with pytest.raises(UserError, match="no pixels"):
        Image("a", np.zeros((0, 4)), "yx")
    with pytest.raises(UserError, match="pixel size"):
        Image("a", np.zeros((4, 4)), "yx", spacing=(1.0,))
    with pytest.raises(UserError, match="2 or 3 spatial axes"):
        Image("a", np.zeros((4, 4)), "yx", dims=1)


def test_box_must_lie_inside() -> None:
    with pytest.raises(ValueError, match="does not lie inside"):
        Image("a", np.zeros((4, 4)), "yx").read((), ((-1, 2), (0, 4)))


def test_a_file_that_went_away_is_told_in_one_sentence() -> None:
    class Gone(Spy):
        def __getitem__(self, key: Any) -> np.ndarray:
            raise OSError("stale handle")

    image = Image("a", Gone(np.zeros((4, 4))), "yx", path=Path("a.tif"))
    with pytest.raises(UserError, match=r"a\.tif can no longer be read: stale handle"):
        image.read()
