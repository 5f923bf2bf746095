"""TIFF files: plain, ImageJ and OME; large ones are read piece by piece."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile
import zarr

from napari_unet.errors import UserError
from napari_unet.images import source
from napari_unet.images.axes import CANONICAL, guess_axes
from napari_unet.images.image import ArrayLike
from napari_unet.images.source import Source, micrometres, unreadable


def open_tiff(path: Path) -> Source:
    """The first image series of a TIFF file, at full resolution.

    Up to ``source.LAZY_ABOVE`` bytes the pixels are read at once, so that the file is free again;
    larger ones are mapped into memory where they lie in one piece, else decoded by tile or strip.

    Raises
    ------
    UserError
        No TIFF file, a damaged one, or one whose axes are too many.
    """
    try:
        with tifffile.TiffFile(path) as file:
            if not file.series:
                raise UserError(f"{path} holds no image.")
            series = file.series[0]
            names, shape = str(series.axes), tuple(series.shape)
            spacing = _spacing(file)
            data: ArrayLike
            if series.nbytes <= source.LAZY_ABOVE:
                data = series.asarray()
            elif series.dataoffset is not None and not series.is_multifile:
                data = tifffile.memmap(path, mode="r")
            else:
                data = _decoded_lazily(path)
    except UserError:
        raise
    except Exception as error:  # tifffile and its codecs raise almost anything on damaged files
        raise unreadable(path, "a TIFF image", error) from error
    return Source(data, _letters(path, names, shape), spacing)


def _decoded_lazily(path: Path) -> ArrayLike:
    store = tifffile.imread(path, aszarr=True, series=0, level=0)
    array: Any = zarr.open_array(store, mode="r")
    # The store keeps the file open: let go of it together with the array.
    weakref.finalize(array, store.close)
    return array  # type: ignore[no-any-return]


def _letters(path: Path, names: str, shape: tuple[int, ...]) -> str:
    """Letters of tzcyx for tifffile's: S (samples of a colour) is c; I, Q and the like are free.

    A file without any name for its axes is treated like an array (``guess_axes``); otherwise one
    unnamed axis is z, two are t and z, three t, z and c, as far as these are not taken.
    """
    if set(names) <= set("QYX"):
        return guess_axes(shape)
    if "C" in names and "S" in names:
        raise UserError(f"{path} has channels and colours: save it with one channel axis.")
    letters = [a.replace("s", "c") for a in names.lower()]
    unknown = [i for i, a in enumerate(letters) if a not in CANONICAL]
    free = [a for a in "ztc" if a not in letters][: len(unknown)]
    if len(free) < len(unknown):
        raise UserError(f"{path} has too many axes ({names}): at most t, z, c, y, x are possible.")
    for i, letter in zip(unknown, sorted(free, key=CANONICAL.index), strict=True):
        letters[i] = letter
    return "".join(letters)


def _spacing(file: tifffile.TiffFile) -> dict[str, float]:
    """Pixel size in µm by axis, as far as OME or ImageJ metadata give it with a unit of length."""
    sizes: dict[str, float | None] = {}
    if file.is_ome and file.ome_metadata:
        pixels = ElementTree.fromstring(file.ome_metadata).find(".//{*}Pixels")
        attributes = {} if pixels is None else pixels.attrib
        for axis in "xyz":
            key = f"PhysicalSize{axis.upper()}"
            if key in attributes:
                unit = attributes.get(f"{key}Unit", "µm")  # the default of the OME schema
                sizes[axis] = micrometres(float(attributes[key]), unit)
    elif file.is_imagej and file.imagej_metadata:
        unit = str(file.imagej_metadata.get("unit", ""))
        tags = file.pages[0].tags
        for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
            pixels_per_unit, one = tags[tag].value if tag in tags else (0, 1)
            if pixels_per_unit:
                sizes[axis] = micrometres(one / pixels_per_unit, unit)
        sizes["z"] = micrometres(float(file.imagej_metadata.get("spacing", 0)), unit)
    return {axis: size for axis, size in sizes.items() if size is not None}
