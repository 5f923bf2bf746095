"""Predictions as files that need not fit in memory and are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tifffile

from napari_unet.errors import UserError
from napari_unet.images.axes import Box, Index
from napari_unet.images.image import Image
from napari_unet.prediction.output import DTYPES, write_tile
from napari_unet.prediction.zarr_files import OutputZarr

FORMATS = ("tif", "zarr")

BIG = 2**31  # bytes; beyond, some readers of classic TIFF fail, and from 2**32 all


class OutputTiff:
    """A TIFF under a temporary name, memory-mapped as ``array``, until ``commit`` or ``discard``.

    Pixels are stored plane after plane and uncompressed, so that boxes can be written in any order
    and a reader can map the file in turn; beyond 2 GB it is a BigTIFF. OME-XML tells axes, pixel
    size (micrometres, by spatial axis), channel names and ``description``; the resolution tags say
    the pixel size to readers without OME. Space on disk is taken at once: a full disk is an error
    here and never a crash later.

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
    ) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
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
        with _explained(path):
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
                _allocate(self._temporary, self.array.offset, size)
            except BaseException:
                self.discard()
                raise

    def commit(self) -> None:
        """Give the file its name, in place of an older one. ``array`` must no longer be used."""
        with _explained(self.path):
            self.array.flush()
            self._close()
            self._temporary.replace(self.path)

    def discard(self) -> None:
        """Remove the file; an older one of its name stays as it is."""
        self._close()
        self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        # Windows neither renames nor removes a file that is mapped.
        array = self.__dict__.pop("array", None)
        if array is not None:
            array._mmap.close()


class PredictionFiles:
    """The outputs of one image: ``<folder>/<stem>.<output>.tif`` for each name in ``outputs``.

    With the ``form`` ``zarr`` they are folders ``<stem>.<output>.zarr`` (OME-Zarr).
    ``probability`` is float32 (class, [t,] [z,] y, x); ``classes`` uint8, ``objects`` int32 and
    ``uncertainty`` float32 are ([t,] [z,] y, x). Used as a context: at its end all files get their
    names, after an error (or a cancel that raises one) none does and nothing is left behind.

    >>> with PredictionFiles(folder, stem, ["objects"], image, names) as files:  # doctest: +SKIP
    ...     for index in image.indices():
    ...         for tile, probability in predictor.tiles(read, image.spatial_shape):
    ...             files.write(index, tile.output, probability)
    ...         files.write_objects(index, objects_from_probability(files.plane(index)))

    Raises
    ------
    UserError
        An output is unknown, or the files cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        stem: str,
        outputs: Sequence[str],
        image: Image,
        class_names: Sequence[str],
        *,
        description: str = "",
        form: str = "tif",
    ) -> None:
        for output in outputs:
            if output not in DTYPES:
                raise UserError(f"There is no output {output!r}; choose from {', '.join(DTYPES)}.")
        if form not in FORMATS:
            raise UserError(f"There is no format {form!r}; choose from {', '.join(FORMATS)}.")
        self.paths = {output: Path(folder) / f"{stem}.{output}.{form}" for output in outputs}
        self._form = form
        self._image = image
        self._names = tuple(class_names)
        self._description = description
        self._files: dict[str, OutputTiff | OutputZarr] = {}
        self._scratch: OutputTiff | None = None

    def __enter__(self) -> Self:
        image = self._image
        shape, axes = (
            (*image.leading_shape, *image.spatial_shape),
            (image.leading_axes + image.spatial_axes),
        )
        try:
            for output, path in self.paths.items():
                with _explained(path.parent):
                    path.parent.mkdir(parents=True, exist_ok=True)
                self._files[output] = self._open(output, path, shape, axes)
            kept = "probability" in self.paths and self._form == "tif"  # mapped, not read
            if "objects" in self.paths and not kept:
                # Objects need a whole plane of probabilities, which may not fit in memory.
                self._scratch = OutputTiff(
                    self.paths["objects"].with_suffix(".scratch"),
                    (len(self._names), *image.spatial_shape),
                    "c" + image.spatial_axes,
                    np.float32,
                )
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                for file in self._files.values():
                    with _explained(file.path):
                        file.commit()
        finally:
            self._discard()

    def _open(
        self, output: str, path: Path, shape: tuple[int, ...], axes: str
    ) -> OutputTiff | OutputZarr:
        by_class = output == "probability"
        if by_class:
            shape, axes = (len(self._names), *shape), "c" + axes
        about: dict[str, Any] = {
            "spacing": self._image.spacing,
            "names": self._names if by_class else (),
            "description": self._description,
        }
        if self._form == "tif":
            return OutputTiff(path, shape, axes, DTYPES[output], **about)
        with _explained(path):
            return OutputZarr(path, shape, axes, DTYPES[output], dims=self._image.dims, **about)

    def _discard(self) -> None:
        for file in (*self._files.values(), self._scratch):
            if file is not None:
                file.discard()

    def write(self, index: Index, box: Box, probability: npt.NDArray[np.float32]) -> None:
        """Put the probability (class, *box) of one tile, and what follows from it, in its place."""
        arrays = {name: file.array for name, file in self._files.items()}
        with _explained(next(iter(self.paths.values()))):
            write_tile(arrays, index, box, probability)
            if self._scratch is not None:
                write_tile({"probability": self._scratch.array}, (), box, probability)

    def plane(self, index: Index) -> npt.NDArray[np.float32]:
        """Probability (class, *spatial), mapped, of the plane written last or, if kept, of any.

        It must not be used after the end of the context.
        """
        if self._scratch is not None:
            return np.asarray(self._scratch.array)
        mapped = self._files["probability"].array
        return np.asarray(mapped[(slice(None), *index)])

    def write_objects(self, index: Index, objects: npt.NDArray[np.int32]) -> None:
        """Put the objects (*spatial) of one plane in their place."""
        with _explained(self.paths["objects"]):
            self._files["objects"].array[(*index, ...)] = objects


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


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
