"""Labelled planes that are no files yet, as files that a comparison can read. Free of torch.

Every labelled plane becomes an image of its own, for folds are made by image; so do whole volumes
where the networks work in 3D.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_unet.annotations.kinds import LabelKind
from napari_unet.errors import UserError
from napari_unet.project.files import atomic, disk_error
from napari_unet.training.data import LabelledImage

MARK = ".written-by-napari-unet"
"""Beside what :func:`write_planes` writes: only with it may the folder be cleared."""
SMALLEST = 32
"""Pixels that a piece of a plane has at least along the axis that is cut."""


@dataclass(frozen=True)
class Written:
    """Folders of images, labels and regions; how many images, and what should be known."""

    images: Path
    labels: Path
    regions: Path
    kind: LabelKind
    number: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plane:
    """``image`` (C, *spatial), ``labels`` and ``regions`` (*spatial)."""

    name: str
    image: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    regions: npt.NDArray[np.uint8]
    spacing: tuple[float, ...] | None


def is_ours(folder: Path) -> bool:
    """Whether ``folder`` is not there, or was made by :func:`write_planes`."""
    return not folder.exists() or (folder / MARK).is_file()


def clear_planes(folder: Path) -> None:
    """Remove what :func:`write_planes` wrote in an attempt that came to nothing.

    Raises
    ------
    UserError
        Somebody else made the folder, or it cannot be removed.
    """
    if not is_ours(folder):
        raise UserError(
            f"{folder} was not written by a comparison and is left alone: choose another folder."
        )
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise disk_error(error, str(folder)) from error


def write_planes(folder: Path, labelled: Sequence[LabelledImage], fewest: int = 1) -> Written:
    """Write what is labelled to ``folder``/images, /labels and /regions, as TIFF.

    What is labelled only in part, or not at all, stays so: regions are always written. With fewer
    planes than ``fewest`` each is cut along its longest axis, so that there are as many pieces.

    Raises
    ------
    UserError
        Nothing is labelled, labels of two kinds, fewer labelled planes or pieces than ``fewest``,
        or the disk refuses.
    """
    kinds = {one.kind for one in labelled}
    if len(kinds) > 1:
        raise UserError(
            f"There are labels of the kinds {' and '.join(sorted(kinds))}: use one kind for all "
            f"images, for they are scored alike."
        )
    count = sum(1 for one in labelled for index in one.image.indices() if _is_labelled(one, index))
    if not count:
        raise UserError("Nothing is labelled yet: paint some background and some of each class.")
    parts = -(-fewest // count)
    written = Written(folder / "images", folder / "labels", folder / "regions", labelled[0].kind, 0)
    names: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
        for path in (written.images, written.labels, written.regions):
            path.mkdir(parents=True, exist_ok=True)
        for plane in _planes(labelled, parts):
            name = f"{_unique(plane.name, names)}.tif"
            _write(written.images / name, plane.image, plane.spacing, channels=True)
            _write(written.labels / name, plane.labels, plane.spacing)
            _write(written.regions / name, plane.regions, plane.spacing)
    except OSError as error:
        raise disk_error(error, str(folder)) from error
    if len(names) < fewest:
        raise UserError(
            f"Only {len(names)} labelled images, planes or pieces of them were found, for {fewest} "
            f"folds: label more of them, or choose fewer folds."
        )
    notes: tuple[str, ...] = ()
    if parts > 1:
        notes = (
            f"Fewer than {fewest} planes are labelled, so each was cut into {parts} pieces. Pieces "
            f"of one image resemble each other: differences look surer than they are.",
        )
    return Written(written.images, written.labels, written.regions, written.kind, len(names), notes)


def _planes(labelled: Sequence[LabelledImage], parts: int) -> Iterator[_Plane]:
    names: set[str] = set()
    for one in labelled:
        image = one.image
        # Planes of two images of one name shall not stand between each other.
        name = _unique(image.name, names)
        for index in image.indices():
            if not _is_labelled(one, index):
                continue
            position = "".join(
                f"_{axis}{place:04d}" for axis, place in zip(image.leading_axes, index, strict=True)
            )
            labels = one.labels.read(index)[0]
            annotated = one.annotated(index)
            regions = np.zeros(labels.shape, np.uint8)
            if annotated is not None:
                regions[annotated] = 1
            if labels.dtype.itemsize > 4:
                labels = labels.astype(np.int32)
            whole = _Plane(name + position, image.read(index), labels, regions, image.spacing)
            yield from _cut(whole, parts)


def _cut(plane: _Plane, parts: int) -> Iterator[_Plane]:
    """``parts`` pieces, without those in which nothing is labelled."""
    if parts == 1:
        yield plane
        return
    axis = int(np.argmax(plane.labels.shape))
    length = plane.labels.shape[axis]
    if length < parts * SMALLEST:
        raise UserError(
            f"{plane.name} is too small to be cut into {parts} pieces: label more images, or "
            f"choose fewer folds."
        )
    ends = np.linspace(0, length, parts + 1).round().astype(int)
    for number, (start, stop) in enumerate(pairwise(ends.tolist()), 1):
        box = (slice(None),) * axis + (slice(start, stop),)
        labels, regions = plane.labels[box], plane.regions[box]
        if labels.any() or regions.any():
            image = plane.image[(slice(None), *box)]
            yield _Plane(f"{plane.name}_part{number}", image, labels, regions, plane.spacing)


def _is_labelled(one: LabelledImage, index: tuple[int, ...]) -> bool:
    annotated = one.annotated(index)
    return bool(one.labels.read(index).any()) or (annotated is not None and bool(annotated.any()))


def _unique(name: str, names: set[str]) -> str:
    """A name for a file that is not in ``names``, and is from now on."""
    safe = re.sub(r"[^\w-]+", "-", name).strip("-") or "image"
    number, found = 1, safe
    while found.lower() in names:  # file systems may not tell upper from lower case
        number += 1
        found = f"{safe}-{number}"
    names.add(found.lower())
    return found


def _write(
    path: Path,
    array: npt.NDArray[Any],
    spacing: tuple[float, ...] | None,
    *,
    channels: bool = False,
) -> None:
    """Axes (c, z, y, x) as far as they are there; the pixel size only of volumes, as OME."""
    if channels and len(array) == 1:
        array, channels = array[0], False
    axes = ("C" if channels else "") + "ZYX"[-(array.ndim - channels) :]
    metadata: dict[str, Any] = {"axes": axes}
    volume = "Z" in axes
    if volume and spacing is not None:
        for axis, size in zip("ZYX", spacing, strict=True):
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    with atomic(path) as file:
        # Not OME where it can be avoided: it has an id in it, and equal images were not noticed.
        tifffile.imwrite(file, array, photometric="minisblack", metadata=metadata, ome=volume)
