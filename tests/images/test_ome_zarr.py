from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_unet.errors import UserError
from napari_unet.images.reading import find_files, read_image

ARRAY = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)


@pytest.mark.parametrize("version", [2, 3])
def test_array(tmp_path: Path, version: Any) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=ARRAY, chunks=(1, 1, 10, 10), zarr_format=version)
    assert find_files(tmp_path) == [tmp_path / "a.zarr"]
    image = read_image(tmp_path / "a.zarr")
    assert (image.name, image.axes) == ("a", "tzyx")
    assert isinstance(image.data, zarr.Array)
    np.testing.assert_array_equal(image.read((1, 2), ((3, 9), (5, 8))), ARRAY[1, 2:, 3:9, 5:8])
    assert read_image(tmp_path / "a.zarr", axes="tcyx").channels == 3


def test_dimension_names(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=ARRAY, dimension_names=["t", "c", "y", "x"])
    assert read_image(tmp_path / "a.zarr").axes == "tcyx"
    zarr.create_array(tmp_path / "b.zarr", data=ARRAY, dimension_names=["a", "b", "row", "column"])
    assert read_image(tmp_path / "b.zarr").axes == "tzyx"


def ome(path: Path, version: str, multiscale: dict[str, Any]) -> None:
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    group.create_array("full", data=ARRAY)
    group.create_array("half", data=ARRAY[..., ::2, ::2])
    multiscales = [{"version": version, **multiscale}]
    group.attrs.update(
        {"ome": {"multiscales": multiscales}} if version == "0.5" else {"multiscales": multiscales}
    )


AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "channel", "type": "channel"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def scale(*factors: float) -> list[dict[str, Any]]:
    return [{"type": "scale", "scale": list(factors)}]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_multiscale(tmp_path: Path, version: str) -> None:
    ome(
        tmp_path / "a.ome.zarr",
        version,
        {
            "axes": AXES,
            "datasets": [
                {"path": "full", "coordinateTransformations": scale(1, 1, 250, 0.5)},
                {"path": "half", "coordinateTransformations": scale(1, 1, 500, 1)},
            ],
            "coordinateTransformations": scale(9, 1, 2, 2),
        },
    )
    image = read_image(tmp_path / "a.ome.zarr")
    assert (image.name, image.axes) == ("a", "tcyx")
    assert image.spacing == pytest.approx((0.5, 1.0))
    np.testing.assert_array_equal(image.read((1,)), ARRAY[1])


def test_older_versions(tmp_path: Path) -> None:
    datasets = [{"path": "full"}, {"path": "half"}]
    ome(tmp_path / "3.zarr", "0.3", {"axes": ["t", "z", "y", "x"], "datasets": datasets})
    ome(tmp_path / "1.zarr", "0.1", {"datasets": datasets})
    for name in ("3.zarr", "1.zarr"):
        image = read_image(tmp_path / name)
        assert (image.axes, image.spacing) == ("tzyx", None)


def test_collection_of_bioformats2raw(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    ome(tmp_path / "a.zarr" / "0", "0.4", {"axes": AXES, "datasets": [{"path": "full"}]})
    assert read_image(tmp_path / "a.zarr").axes == "tcyx"


def test_group_with_one_array_or_several(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    with pytest.raises(UserError, match=r"a\.zarr is a zarr group without an image"):
        read_image(tmp_path / "a.zarr")
    group.create_array("image", data=ARRAY)
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").read((0, 0))[0], ARRAY[0, 0])
    group.create_array("labels", data=ARRAY)
    with pytest.raises(UserError, match=r"a\.zarr is a zarr group of 2 arrays"):
        read_image(tmp_path / "a.zarr")
    assert read_image(tmp_path / "a.zarr" / "labels").name == "labels"


def test_damaged(tmp_path: Path) -> None:
    for name, content in [("a.zarr", "no json"), ("b.zarr", '{"node_type": 3}'), ("c.zarr", "")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "zarr.json").write_text(content)
        with pytest.raises(UserError, match="cannot be read as a zarr image"):
            read_image(tmp_path / name)
    ome(tmp_path / "d.zarr", "0.5", {"axes": AXES, "datasets": [{"path": "gone"}]})
    with pytest.raises(UserError, match=r"d\.zarr cannot be read"):
        read_image(tmp_path / "d.zarr")
