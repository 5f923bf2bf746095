"""Predict files: one after the other, tile by tile, each output whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from napari_unet import __version__
from napari_unet.core.earlier import EVERY_WAY, Earlier, images_among, look
from napari_unet.core.fast_prediction import settle
from napari_unet.errors import UserError
from napari_unet.images.identity import identity
from napari_unet.images.image import Image
from napari_unet.images.reading import find_files, read_image, stem
from napari_unet.images.tiling import Tile
from napari_unet.model.arguments import tile_size
from napari_unet.model.model import Model, TilePrediction
from napari_unet.prediction.device import choose_device
from napari_unet.prediction.files import FORMATS, PredictionFiles
from napari_unet.prediction.output import DTYPES
from napari_unet.prediction.pipeline import WriteBehind
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.unfinished import Unfinished, folder_of, forget, job_id
from napari_unet.prediction.way import Way
from napari_unet.prediction.zarr_files import chunk_sides
from napari_unet.speed.trials import precisions


@dataclass(frozen=True)
class FileProgress:
    """``tile`` of ``tiles`` of image ``number`` of ``total`` is done.

    ``written``: the files of this image, once they are there. ``problem``: why there are none.
    ``notes``: what else there is to say, such as that an earlier attempt goes on.
    """

    path: Path
    number: int
    total: int
    tile: int
    tiles: int
    written: tuple[Path, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Part of the whole job that is done, each image counting the same."""
        return (self.number - 1 + self.tile / max(1, self.tiles)) / self.total


def predict_files(
    model: Model,
    images: str | Path,
    out: str | Path,
    outputs: Sequence[str] = (),
    *,
    rotations: bool | None = None,
    tile: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    form: str = "tif",
    resume: bool = False,
    afresh: bool = False,
) -> Iterator[FileProgress]:
    """Write ``out/<stem>.<output>.tif`` (or .zarr) for every image of a file, folder or pattern.

    Arrays are read and written tile by tile, each in a thread of its own beside the network, and
    need not fit in memory (but one plane of probabilities lies on disk while its objects are
    found). Existing files are replaced once the new ones are whole; closing the generator cancels
    and leaves the image at hand as it was. An image that cannot be predicted is reported and the
    others go on. Of a folder or pattern, outputs of this program are left out, with a note.

    Parameters
    ----------
    outputs
        Of ``probability``, ``classes``, ``objects``, ``uncertainty``; by default classes, and
        objects too for an objects model.
    axes
        Of all files; by default what each file says.
    form
        ``tif``, or ``zarr`` for OME-Zarr folders, compressed and in chunks.
    rotations, tile, device, precision
        As of :meth:`Model.predict`.
    resume
        Whatever interrupts the prediction, what is done stays in a hidden folder in ``out``
        (:mod:`napari_unet.prediction.unfinished`), and the same call goes on there: the same model
        by its content, the same image by size and date, the same settings. Images that are
        finished are left as they are; what was made otherwise is made again, with a note. With
        precision ``auto`` what is there counts however it was computed, and goes on like that.
    afresh
        Resume from now on, but make no use of what is there.

    Raises
    ------
    UserError
        No images, two of one stem, an unknown output or device; at the end, how many images could
        not be predicted.
    """
    chosen = list(dict.fromkeys(outputs or model.default_outputs))
    for output in chosen:
        if output not in DTYPES:
            raise UserError(f"There is no output {output!r}; choose from {', '.join(DTYPES)}.")
    if form not in FORMATS:
        raise UserError(f"There is no format {form!r}; choose from {', '.join(FORMATS)}.")
    size = tile_size(tile, model.header.dims)
    if isinstance(size, int) and size < 1:
        raise UserError(f"A tile of {tile} pixels is none: give a number from 1.")
    paths, outputs_among = images_among(find_files(images), images)
    _check_stems(paths)
    predictor = model.predictor(device, precision)
    fingerprint = model.fingerprint()
    views = model.header.rotations if rotations is None else rotations
    problems: list[str] = []
    if outputs_among:
        what = "1 file that is a prediction of this program was"
        if outputs_among > 1:
            what = f"{outputs_among} files that are predictions of this program were"
        note = f"{what} left out."
        yield FileProgress(paths[0], 1, len(paths), 0, 1, notes=(note,))
    for number, path in enumerate(paths, 1):
        step = (path, number, len(paths))
        try:
            image = model.as_image(read_image(path, axes, model.header.dims))
            task = _Task(model, fingerprint, predictor, image, path, chosen, views, size, form)
            free = device if precision == "auto" else None
            yield from _predict(task, Path(out), resume, afresh, free, step)
        except UserError as error:
            problems.append(str(error))
            yield FileProgress(*step, 1, 1, problem=str(error))
    if len(problems) == len(paths) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError(
            f"{len(problems)} of {len(paths)} images could not be predicted; the first one: "
            f"{problems[0]}"
        )


@dataclass(frozen=True)
class _Task:
    """One image and all that its outputs depend on."""

    model: Model
    fingerprint: str
    predictor: Predictor
    image: Image
    path: Path
    outputs: list[str]
    rotations: bool
    tile: int | tuple[int, ...] | None
    form: str

    def plan(self) -> list[Tile]:
        return self.predictor.plan(self.image.spatial_shape, self.tile)

    def job(self) -> dict[str, Any]:
        """What must be the same for a result to be the same, bit by bit.

        How far the image is enlarged follows from it; finished images must not be looked at again.
        """
        constants = self.model.normalisation(self.image)
        plan, predictor = self.plan(), self.predictor
        enlarged = {"side": self.tile} if self.model.enlarges else {}
        return enlarged | {
            "model": self.fingerprint,
            "image": identity(self.path),
            "axes": self.image.axes,
            "shape": list(self.image.data.shape),
            "outputs": sorted(self.outputs),
            "format": self.form,
            "rotations": self.rotations,
            "tiles": [len(plan), plan[0].output],
            "device": predictor.device.type,
            "way": str(predictor.way),
            "normalisation": [constants.method, constants.low, constants.high],
            "versions": {"napari-unet-live": __version__, "torch": torch.__version__},
        }


def _predict(
    task: _Task,
    out: Path,
    resume: bool,
    afresh: bool,
    free: str | None,
    at: tuple[Path, int, int],
) -> Iterator[FileProgress]:
    """Of one image; ``free``: the device, where nobody chose how to compute on it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {out} cannot be made: {error.strerror}.") from error
    model, image = task.model, task.image
    task.predictor.notes.clear()  # of an image that could not be predicted
    plan, indices = task.plan(), list(image.indices())
    total = len(plan) * len(indices)
    name, unfinished = stem(at[0]), None
    earlier = Earlier()
    if resume:
        ways = EVERY_WAY if free is not None else (task.predictor.way,)
        earlier = look(folder_of(out, name), _paths(out, name, task), task.job(), ways)
        if earlier.finished and not afresh:
            if earlier.useless:
                forget(folder_of(out, name))
            note = f"{name} was predicted before, with this model and these settings."
            yield FileProgress(*at, total, total, tuple(earlier.there), notes=(note,))
            return
    if free is not None:
        way = None if afresh else earlier.way
        task = replace(task, predictor=_predictor(model, image, free, way))
    job = task.job()
    task = replace(task, predictor=model.predictor_for(image, task.predictor, task.tile))
    plan = task.plan()
    total = len(plan) * len(indices)
    if resume:
        unfinished = Unfinished(folder_of(out, name), job, afresh=afresh)
    files = PredictionFiles(
        out,
        name,
        task.outputs,
        image,
        model.class_names,
        description=_description(model, image, task.rotations, task.predictor, job_id(job)),
        form=task.form,
        chunk=chunk_sides([b - a for a, b in plan[0].output]),
        unfinished=unfinished,
    )
    objects = "objects" in task.outputs

    def write(one: TilePrediction) -> None:
        files.write_tile(one.index, one.tile.number, one.tile.output, one.probability)
        if objects and one.last_of_plane:
            files.write_objects(one.index, model.objects(files.plane(one.index)))

    with files:
        # Only now, for what is there may have turned out to be damaged.
        tiles = unfinished.tiles if unfinished is not None else {}
        if unfinished is not None and (
            notes := _notes(unfinished, earlier.there, job_id(job), total)
        ):
            yield FileProgress(*at, 0, total, notes=tuple(notes))
        if unfinished is not None and objects:
            for index in indices:
                # Interrupted between its last tile and its objects.
                if len(tiles.get(index, ())) == len(plan) and index not in unfinished.objects:
                    files.write_objects(index, model.objects(files.plane(index)))
        skip = {index: frozenset(numbers) for index, numbers in tiles.items()}
        with WriteBehind(write) as writer:
            for one in model.tiles(
                image,
                task.predictor,
                rotations=task.rotations,
                tile=task.tile,
                skip=skip,
                ahead=True,
            ):
                writer.put(one)
                if one.number < one.total:
                    yield FileProgress(*at, one.number, one.total)
    doubts = model.header.rule().doubts(image)
    told = [*([doubts] if doubts else []), *task.predictor.notes]
    yield FileProgress(*at, total, total, tuple(files.paths.values()), notes=tuple(told))


def _predictor(model: Model, image: Image, device: str, way: Way | None) -> Predictor:
    """As was begun, for the same bits; else as is fastest and does for this image."""
    if way is not None and way.precision in precisions(choose_device(device)):
        return model.predictor(device, way=way)
    return settle(model, image, model.predictor(device), device)


def _paths(out: Path, name: str, task: _Task) -> list[Path]:
    return [out / f"{name}.{output}.{task.form}" for output in task.outputs]


def _notes(
    unfinished: Unfinished, there: dict[Path, str | None], job: str, total: int
) -> list[str]:
    """What is taken over and what will be replaced."""
    notes = [unfinished.note] if unfinished.note else []
    done = sum(map(len, unfinished.tiles.values()))
    if done:
        notes.append(f"{done} of {total} tiles were done before: the prediction goes on there.")
    replaced = [path.name for path, made in there.items() if made != job]
    if replaced:
        one, it = ("was", "it is") if len(replaced) == 1 else ("were", "they are")
        notes.append(
            f"{' and '.join(replaced)} {one} made with another model, image or settings: {it} "
            f"replaced when the new prediction is whole."
        )
    return notes


def _check_stems(paths: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(stem(path), path)
        if other is not path:
            raise UserError(
                f"{other} and {path} have the same name apart from the extension: their "
                f"predictions would overwrite each other."
            )


def _description(
    model: Model, image: Image, rotations: bool, predictor: Predictor, job: str = ""
) -> str:
    """What made these files, as JSON, for whoever opens them later."""
    constants = model.normalisation(image)
    return json.dumps(
        {
            "software": "napari-unet-live",
            "network": model.header.network,
            "arguments": model.header.arguments,
            "model_created": model.header.provenance.created,
            "classes": model.class_names,
            "normalisation": {
                "method": constants.method,
                "low": constants.low,
                "high": constants.high,
            },
            "rotations": rotations,
            "second_look": model.second_look,
            "enlarged": float(predictor.size),
            "precision": predictor.precision,
            "device": predictor.device.type,
            "job": job,
        }
    )
