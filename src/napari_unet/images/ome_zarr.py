"""Zarr arrays and OME-Zarr groups (https://ngff.openmicroscopy.org, versions 0.1 to 0.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zarr

from napari_unet.errors import UserError
from napari_unet.images.source import Source, micrometres, unreadable

_MARKERS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: Path) -> bool:
    """True for the folder of a zarr array or group."""
    return any((path / marker).is_file() for marker in _MARKERS)


def open_zarr(path: Path) -> Source:
    """A zarr array, or the full-resolution array of an OME-Zarr group, not loaded.

    A group without multiscale metadata will do when it holds a single array.

    Raises
    ------
    UserError
        Not zarr, damaged, or a group without an image.
    """
    try:
        node: Any = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return Source(node, _array_axes(node))
        metadata = _metadata(node)
        if "bioformats2raw.layout" in metadata:  # a collection of images, the first of them is 0
            node = node["0"]
            metadata = _metadata(node)
        if metadata.get("multiscales"):
            return _multiscale(node, metadata["multiscales"][0])
        arrays = [array for _, array in node.arrays()]
    except Exception as error:  # a damaged store can raise almost anything
        raise unreadable(path, "a zarr image", error) from error
    if not arrays:
        raise UserError(f"{path} is a zarr group without an image.")
    if len(arrays) > 1:
        raise UserError(
            f"{path} is a zarr group of {len(arrays)} arrays without OME-Zarr metadata: "
            "name the array in it that is the image."
        )
    return Source(arrays[0], _array_axes(arrays[0]))


def _metadata(group: Any) -> dict[str, Any]:
    """OME metadata: under ``ome`` since version 0.5, before it at the top."""
    attributes = dict(group.attrs)
    return dict(attributes.get("ome", attributes))


def _array_axes(array: Any) -> str | None:
    """Axes from the dimension names of zarr 3 or of xarray, when each is one letter of ours."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS") or ()
    axes = "".join(str(n).lower() for n in names)
    return axes if len(axes) == array.ndim and set(axes) <= set("tzcyx") else None


def _multiscale(group: Any, multiscale: dict[str, Any]) -> Source:
    level = multiscale["datasets"][0]
    array = group[level["path"]]
    axes = multiscale.get("axes")
    if axes is None:  # versions 0.1 and 0.2
        return Source(array, "tczyx" if array.ndim == 5 else None)
    # Version 0.3 has plain names instead of dictionaries.
    named: list[dict[str, Any]] = [{"name": a} if isinstance(a, str) else a for a in axes]
    letters = "".join(
        {"time": "t", "channel": "c"}.get(a.get("type", ""), a["name"]) for a in named
    )
    scale = [1.0] * array.ndim
    known = False
    for transform in [
        *level.get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ]:
        if transform["type"] == "scale":
            known = True
            scale = [a * float(b) for a, b in zip(scale, transform["scale"], strict=True)]
    sizes = {
        letter: micrometres(size, axis.get("unit"))
        for letter, size, axis in zip(letters, scale, named, strict=True)
        if known and letter in "zyx"
    }
    return Source(array, letters, {k: v for k, v in sizes.items() if v is not None})
