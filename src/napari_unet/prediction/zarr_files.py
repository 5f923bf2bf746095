"""Predictions as OME-Zarr: compressed and in chunks, for what is larger than a TIFF should be."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from napari_unet.images.axes import Box, Index
from napari_unet.prediction.tiff_files import fsync

CHUNK = {2: 512, 3: 64}
"""Side of a chunk by number of spatial axes; other axes are cut into single positions."""
LARGEST = {2: 1024, 3: 128}
"""Side of a chunk, at most, where it follows the tiles."""
_KIND = {"t": "time", "c": "channel"}


def chunk_sides(tile: Sequence[int]) -> tuple[int, ...]:
    """Sides of chunks for tiles of these sides: a tile fills whole chunks wherever it can.

    A chunk that two tiles share is read, decoded, encoded and written once for each of them.
    """
    dims = len(tile)
    sides = []
    for side in tile:
        least = -(-side // LARGEST[dims])
        parts = next((k for k in range(least, 4 * least + 1) if side % k == 0), None)
        sides.append(side // parts if parts else CHUNK[dims])
    return tuple(sides)


class OutputZarr:
    """An OME-Zarr image (version 0.4, one scale) under a temporary name, as ``OutputTiff``.

    ``array`` takes boxes in any order; what is written goes to disk at once, compressed, and
    memory holds no more than the chunks that a box touches. Nothing is allocated beforehand: a full
    disk is an OSError when a box is written. ``chunk``: sides by spatial axis. ``temporary`` and
    ``resume`` as of ``OutputTiff``.
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        axes: str,
        dtype: npt.DTypeLike,
        *,
        dims: int,
        spacing: Sequence[float] | None = None,
        names: Sequence[str] = (),
        description: str = "",
        chunk: Sequence[int] | None = None,
        temporary: Path | None = None,
        resume: bool = False,
    ) -> None:
        self.path = path
        self._temporary = temporary or path.with_name(f".{path.name}.{os.getpid()}.partial")
        self._resumed = resume
        if resume:
            self.array: Any = zarr.open_group(self._temporary, mode="r+")["0"]
            return
        wished = chunk or (CHUNK[dims],) * dims
        sides = [min(n, side) for n, side in zip(shape[-dims:], wished, strict=True)]
        try:
            self._remove(self._temporary)
            group = zarr.open_group(self._temporary, mode="w", zarr_format=2)
            self.array = group.create_array(
                "0",
                shape=tuple(shape),
                chunks=(*(1,) * (len(shape) - dims), *sides),
                dtype=np.dtype(dtype),
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            group.attrs.update(_metadata(path.name, axes, spacing, names))
            group.attrs["napari_unet"] = description
        except BaseException:
            self.discard()
            raise

    def sync(self, index: Index, box: Box) -> None:
        """Wait until a box (of all classes) of one plane is on the disk. Raises OSError."""
        shape, chunks = self.array.shape, self.array.chunks
        classes = [(0, n) for n in shape[: len(shape) - len(index) - len(box)]]
        spans = [*classes, *((i, i + 1) for i in index), *box]
        numbers = (
            range(a // side, -(-b // side)) for (a, b), side in zip(spans, chunks, strict=True)
        )
        folders = set()
        for key in itertools.product(*numbers):
            chunk = self._temporary.joinpath("0", *map(str, key))
            if chunk.exists():  # one of zeros only is not written
                fsync(chunk)
                folders.add(chunk.parent)
        for folder in folders:
            fsync(folder)

    def commit(self) -> None:
        """Give the image its name, in place of an older one."""
        self.close()
        if self._resumed:  # what a killed process was writing
            for stray in self._temporary.rglob("*.partial"):
                stray.unlink()
        old = self._temporary.with_name(f".{self.path.name}.{os.getpid()}.old")
        if self.path.exists():
            self.path.rename(old)  # a folder cannot be renamed over another
        self._temporary.rename(self.path)
        self._remove(old)

    def discard(self) -> None:
        """Remove the image; an older one of its name stays as it is."""
        self.close()
        self._remove(self._temporary)

    def close(self) -> None:
        """Leave what there is under the temporary name."""
        self.__dict__.pop("array", None)

    @staticmethod
    def _remove(folder: Path) -> None:
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink(missing_ok=True)


def _metadata(
    name: str, axes: str, spacing: Sequence[float] | None, names: Sequence[str]
) -> dict[str, Any]:
    described: list[dict[str, str]] = []
    for axis in axes:
        one = {"name": axis, "type": _KIND.get(axis, "space")}
        if spacing is not None and axis in "zyx":
            one["unit"] = "micrometer"
        described.append(one)
    sizes = dict(zip("xyz", reversed(spacing or ()), strict=False))
    scale = [float(sizes.get(axis, 1.0)) for axis in axes]
    image = {
        "version": "0.4",
        "name": name,
        "axes": described,
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        ],
    }
    metadata: dict[str, Any] = {"multiscales": [image]}
    if names:
        window = {"start": 0, "end": 1, "min": 0, "max": 1}
        metadata["omero"] = {
            "channels": [
                {"label": label, "color": "FFFFFF", "window": window, "active": True}
                for label in names
            ]
        }
    return metadata
