"""Predictions as TIFF: mapped into memory, so that boxes can be written in any order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_unet.errors import UserError
from napari_unet.images.axes import Box, Index

BIG = 2**31  # bytes; beyond, some readers of classic TIFF fail, and from 2**32 all


class OutputTiff:
    """A TIFF under a temporary name, memory-mapped as ``array``, until ``commit`` or ``discard``.

    Pixels are stored plane after plane and uncompressed, so that boxes can be written in any order
    and a reader can map the file in turn; beyond 2 GB it is a BigTIFF. OME-XML tells axes, pixel
    size (micrometres, by spatial axis), channel names and ``description``; the resolution tags say
    the pixel size to readers without OME. Space on disk is taken at once: a full disk is an error
    here and never a crash later. ``temporary``: another temporary name in the same file system;
    with ``resume`` the file is there already and keeps what is in it.

    Raises
    ------
    UserError
        The file cannot be written, or the disk is too full for it.
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        axes: str,
        dtype: npt.DTypeLike,
        *,
        spacing: Sequence[float] | None = None,
        names: Sequence[str] = (),
        description: str = "",
        temporary: Path | None = None,
        resume: bool = False,
    ) -> None:
        self.path = path
        self._temporary = temporary or path.with_name(f".{path.name}.{os.getpid()}.partial")
        if resume:
            mapped = tifffile.memmap(self._temporary, mode="r+")
            self._map = mapped._mmap
            self.array: Any = mapped.reshape(tuple(shape))  # axes of one position may be gone
            return
        metadata: dict[str, Any] = {"axes": axes.upper(), "Description": description}
        resolution: dict[str, Any] = {}
        if spacing is not None:
            for axis, size in zip("xyz", reversed(spacing), strict=False):
                metadata[f"PhysicalSize{axis.upper()}"] = size
                metadata[f"PhysicalSize{axis.upper()}Unit"] = "µm"
            y, x = spacing[-2:]
            resolution = {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}
        if names:
            metadata["Channel"] = {"Name": list(names)}
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        with explained(path):
            try:
                self.array = tifffile.memmap(
                    self._temporary,
                    shape=tuple(shape),
                    dtype=np.dtype(dtype),
                    photometric="minisblack",
                    ome=True,
                    bigtiff=size > BIG,
                    metadata=metadata,
                    **resolution,
                )
                self._map = self.array._mmap
                _allocate(self._temporary, self.array.offset, size)
            except BaseException:
                self.discard()
                raise

    def sync(self, index: Index, box: Box) -> None:
        """Wait until what was written there (here: anywhere) is on the disk. Raises OSError."""
        self._map.flush()
        fsync(self._temporary)  # elsewhere than on Linux, flush leaves it to the system

    def commit(self) -> None:
        """Give the file its name, in place of an older one. ``array`` must no longer be used."""
        with explained(self.path):
            self._map.flush()
            self.close()
            self._temporary.replace(self.path)

    def discard(self) -> None:
        """Remove the file; an older one of its name stays as it is."""
        self.close()
        self._temporary.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave what there is under the temporary name."""
        # Windows neither renames nor removes a file that is mapped.
        self.__dict__.pop("array", None)
        mapped = self.__dict__.pop("_map", None)
        if mapped is not None:
            mapped.close()


def _allocate(path: Path, offset: int, size: int) -> None:
    """Take the space on disk: a process that writes to a mapped file without any is killed."""
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), offset, size)
            return
        file.seek(offset)
        zeros = bytes(2**22)
        for start in range(0, size, len(zeros)):
            file.write(zeros[: size - start])


def fsync(path: Path) -> None:
    """Wait until a file, or on POSIX a folder, is on the disk. Raises OSError."""
    if path.is_dir() and os.name == "nt":
        return
    # Windows lets only those wait who may write.
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """An OSError inside becomes a sentence about the file at ``path``."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
