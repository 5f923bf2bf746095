"""Predictions as files that need not fit in memory and are written whole or not at all."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile
import zarr

from napari_unet.errors import UserError
from napari_unet.images.axes import Box, Index
from napari_unet.images.image import Image
from napari_unet.prediction.output import DTYPES, write_tile
from napari_unet.prediction.tiff_files import OutputTiff, explained
from napari_unet.prediction.unfinished import Unfinished
from napari_unet.prediction.zarr_files import OutputZarr

log = logging.getLogger(__name__)

FORMATS = ("tif", "zarr")
SECONDS = 5.0
"""Between two waits for the disk, at most; where waiting takes little, it is done more often."""


class PredictionFiles:
    """The outputs of one image: ``<folder>/<stem>.<output>.tif`` for each name in ``outputs``.

    With the ``form`` ``zarr`` they are folders ``<stem>.<output>.zarr`` (OME-Zarr).
    ``probability`` is float32 (class, [t,] [z,] y, x); ``classes`` uint8, ``objects`` int32 and
    ``uncertainty`` float32 are ([t,] [z,] y, x). Used as a context: at its end all files get their
    names, after an error (or a cancel that raises one) none does and nothing is left behind.

    With ``unfinished`` what is done stays behind in its folder instead, and is the beginning of the
    next attempt; with it, tiles are written by :meth:`write_tile`, which remembers them.

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
        chunk: Sequence[int] | None = None,
        unfinished: Unfinished | None = None,
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
        self._chunk = chunk
        self._unfinished = unfinished
        self._fresh: list[tuple[Index, Box]] = []
        self._record_at = 0.0
        self._files: dict[str, OutputTiff | OutputZarr] = {}
        self._scratch: OutputTiff | None = None

    def __enter__(self) -> Self:
        unfinished = self._unfinished
        try:
            if unfinished is None or not unfinished.resumed or not self._go_on():
                self._open_all(resume=False)
            if unfinished is not None:
                with explained(unfinished.folder):
                    unfinished.ready()
        except BaseException:
            if unfinished is not None and not unfinished.resumed:
                for file in self._all():
                    file.close()
                unfinished.remove()
            self._leave()
            raise
        return self

    def _go_on(self) -> bool:
        """Open what an earlier attempt has left; without it, begin again."""
        assert self._unfinished is not None
        try:
            self._open_all(resume=True)
        except Exception as error:  # zarr and tifffile raise almost anything on damaged files
            log.warning("what was done cannot be used: %s", error)
            for file in self._all():
                file.close()
            self._files, self._scratch = {}, None
            self._unfinished.begin_again()
            self._unfinished.note = (
                f"What was done of {self._image.name} is damaged: it is begun again."
            )
            return False
        return True

    def _open_all(self, *, resume: bool) -> None:
        image = self._image
        shape, axes = (
            (*image.leading_shape, *image.spatial_shape),
            (image.leading_axes + image.spatial_axes),
        )
        for output, path in self.paths.items():
            with explained(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._in_folder(path)
            if resume and temporary is not None and not temporary.exists():
                # The last attempt ended while names were given.
                if made_by(path) != json.loads(self._description).get("job"):
                    raise ValueError(f"{temporary} is missing")
                continue
            self._files[output] = self._open(output, path, shape, axes, temporary, resume)
        kept = "probability" in self.paths and self._form == "tif"  # mapped, not read
        if "objects" in self._files and not kept:
            # Objects need a whole plane of probabilities, which may not fit in memory.
            path = self.paths["objects"].with_suffix(".scratch")
            self._scratch = OutputTiff(
                path,
                (len(self._names), *image.spatial_shape),
                "c" + image.spatial_axes,
                np.float32,
                temporary=self._in_folder(path),
                resume=resume,
            )

    def _in_folder(self, path: Path) -> Path | None:
        return None if self._unfinished is None else self._unfinished.folder / path.name

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._record()
                for file in self._files.values():
                    with explained(file.path):
                        file.commit()
                if self._scratch is not None:
                    self._scratch.discard()
                if self._unfinished is not None:
                    self._unfinished.remove()
        finally:
            self._leave()

    def _open(
        self,
        output: str,
        path: Path,
        shape: tuple[int, ...],
        axes: str,
        temporary: Path | None,
        resume: bool,
    ) -> OutputTiff | OutputZarr:
        by_class = output == "probability"
        if by_class:
            shape, axes = (len(self._names), *shape), "c" + axes
        about: dict[str, Any] = {
            "spacing": self._image.spacing,
            "names": self._names if by_class else (),
            "description": self._description,
            "temporary": temporary,
            "resume": resume,
        }
        if self._form == "tif":
            return OutputTiff(path, shape, axes, DTYPES[output], **about)
        with explained(path):
            dims = self._image.dims
            return OutputZarr(
                path, shape, axes, DTYPES[output], dims=dims, chunk=self._chunk, **about
            )

    def _all(self) -> list[OutputTiff | OutputZarr]:
        scratch = () if self._scratch is None else (self._scratch,)
        return [*self._files.values(), *scratch]

    def _leave(self) -> None:
        try:
            self._record()
        except (OSError, UserError) as error:  # it is predicted again, then
            log.warning("the last tiles are not remembered: %s", error)
        for file in self._all():
            if self._unfinished is None:
                file.discard()
            else:
                file.close()
        if self._unfinished is not None:
            self._unfinished.close()

    def write_tile(
        self, index: Index, number: int, box: Box, probability: npt.NDArray[np.float32]
    ) -> None:
        """:meth:`write`, and remember that this tile is done."""
        self.write(index, box, probability)
        if self._unfinished is not None:
            self._unfinished.tile_done(index, number)
            self._written(index, box)

    def _written(self, index: Index, box: Box, *, at_once: bool = False) -> None:
        self._fresh.append((index, box))
        begun = time.monotonic()
        if at_once or begun >= self._record_at:
            self._record()
            ended = time.monotonic()
            self._record_at = ended + min(SECONDS, 4 * (ended - begun))

    def _record(self) -> None:
        """What was written counts as done once it is on the disk."""
        fresh, self._fresh = self._fresh, []
        if self._unfinished is None or not fresh:
            return
        for file in self._all():
            with explained(file.path):
                # All of a TIFF waits at once.
                for index, box in fresh if isinstance(file, OutputZarr) else fresh[-1:]:
                    file.sync(index, box)
        with explained(self._unfinished.folder):
            self._unfinished.record()

    def write(self, index: Index, box: Box, probability: npt.NDArray[np.float32]) -> None:
        """Put the probability (class, *box) of one tile, and what follows from it, in its place."""
        arrays = {name: file.array for name, file in self._files.items()}
        with explained(next(iter(self.paths.values()))):
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
        with explained(self.paths["objects"]):
            self._files["objects"].array[(*index, ...)] = objects
        if self._unfinished is not None:
            self._unfinished.objects_done(index)
            # The next plane lies over this one in scratch: if tiles of this one are remembered and
            # its objects are not, they would be found again, in the next one's probabilities.
            whole = tuple((0, n) for n in objects.shape)
            self._written(index, whole, at_once=self._scratch is not None)


def made_by(path: Path) -> str | None:
    """The ``job`` in the description of an output of ours; None for anything else."""
    try:
        if path.is_dir():
            description = str(zarr.open_group(path, mode="r").attrs["napari_unet"])
        else:
            with tifffile.TiffFile(path) as file:
                found = ElementTree.fromstring(file.ome_metadata or "<none/>").find(
                    ".//{*}Image/{*}Description"
                )
            description = "" if found is None else found.text or ""
        job = json.loads(description).get("job")
    except Exception:  # whatever it is, it was not made by us
        return None
    return job if isinstance(job, str) else None
