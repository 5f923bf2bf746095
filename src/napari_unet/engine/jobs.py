"""What each job does, as generators that stop after every piece so that training can go on.

The first ``next`` begins a job, so that what it finds wrong is reported like any later fault.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.boundary_weights import boundary_weights as weight_map
from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import make_target
from napari_unet.core import predict_files as predict_paths
from napari_unet.core.dry_run import measure
from napari_unet.core.fast_prediction import settle
from napari_unet.engine.arrays import open_array
from napari_unet.engine.protocol import (
    Attention,
    BoundaryWeights,
    DryRun,
    Event,
    JobFinished,
    JobProgress,
    LoadModel,
    NoticeGiven,
    Predict,
    PredictFiles,
    SaveModel,
    TileDone,
)
from napari_unet.engine.training_service import TrainingService
from napari_unet.engine.workspace import Labels, Workspace
from napari_unet.errors import UserError
from napari_unet.images.image import Box, Image, Index
from napari_unet.model.header import ClassDescription
from napari_unet.model.model import Model, TilePrediction
from napari_unet.prediction.output import DTYPES, classes, uncertainty, write_tile
from napari_unet.training.volumes import relative

Job = Generator[tuple[Event, ...], None, None]
"""Yields what is to be told after each piece of work."""


class Source(Protocol):
    """Where a prediction gets its model, and where it computes."""

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def model(self) -> Model: ...


def predict(command: Predict, workspace: Workspace, source: Source) -> Job:
    """Planes of an open image into arrays of the GUI's, tile by tile."""
    model = source.model().own_size() if command.own_size else source.model()
    opened = workspace.image(command.image)
    image = model.as_image(opened)
    arrays = _open_outputs(command, image, len(model.header.classes))
    indices = list(command.indices) if command.indices is not None else list(image.indices())
    like = model.as_image(workspace.image(command.like)) if command.like is not None else None
    if command.box is not None and (len(indices) != 1 or "objects" in arrays):
        raise UserError("A part is predicted of one plane at a time, and objects only of a whole.")
    device, precision = command.device or source.device, command.precision or source.precision
    predictor = model.predictor(device, precision)
    if precision == "auto" and command.box is None:
        # As on the command line. A part is wanted at once, and nobody keeps it.
        predictor = settle(model, image, predictor, device)
    predictor = model.predictor_for(image, predictor, command.tile)
    doubts = model.header.rule().doubts(image) if command.box is None else ""
    if doubts:
        predictor.notes.append(doubts)
    truth = _Truth(workspace.labels.get(command.image))
    whole = np.empty(0, np.float32)
    if "objects" in arrays:
        whole = np.empty((len(model.header.classes), *image.spatial_shape), np.float32)
    for one in model.tiles(
        image,
        predictor,
        rotations=command.rotations,
        tile=command.tile,
        indices=indices,
        box=command.box,
        like=like,
    ):
        _write(arrays, one, command.box)
        if "objects" in arrays:
            write_tile({"probability": whole}, (), one.tile.output, one.probability)
            if one.last_of_plane:
                arrays["objects"][one.index] = model.objects(whole)
        yield (
            _report(command.job, one, truth, one.total // len(indices)),
            JobProgress(job=command.job, done=one.number, total=one.total),
        )
    # Of a part that is shown while the whole is awaited, the whole will say the same.
    notices = [
        NoticeGiven(message=f"{opened.name}: {text}", image=command.image)
        for text in predictor.notes
        if command.box is None
    ]
    result = {"notes": predictor.notes, "doubtful": bool(doubts)}
    yield (*notices, JobFinished(job=command.job, result=result))


def _open_outputs(command: Predict, image: Image, n_classes: int) -> dict[str, Any]:
    arrays = {}
    for name, ref in command.outputs.items():
        if name not in DTYPES:
            raise UserError(f"There is no output {name!r}; choose from {', '.join(DTYPES)}.")
        array = open_array(ref, writable=True)
        classes_axis = (n_classes,) * (name == "probability")
        if command.box is not None:
            wanted = (*classes_axis, *(b - a for a, b in command.box))
        else:
            wanted = (*image.leading_shape, *classes_axis, *image.spatial_shape)
        if tuple(array.shape) != wanted or array.dtype != np.dtype(DTYPES[name]):
            raise UserError(
                f"The array for the {name} of {image.name} is {array.dtype} {tuple(array.shape)}, "
                f"it must be {np.dtype(DTYPES[name])} {wanted}."
            )
        arrays[name] = array
    return arrays


def _write(arrays: dict[str, Any], one: TilePrediction, part: Box | None) -> None:
    # In a file the class axis is the first, here it stands after the leading axes: napari shows
    # the last axes.
    index, box = one.index, one.tile.output
    if part is not None:
        index = ()
        box = tuple((a - s, b - s) for (a, b), (s, _) in zip(box, part, strict=True))
    place = (*index, slice(None), *(slice(*span) for span in box))
    if "probability" in arrays:
        arrays["probability"][place] = one.probability
    rest = {name: array for name, array in arrays.items() if name != "probability"}
    write_tile(rest, index, box, one.probability)


class _Truth:
    """Class maps of the planes that are being predicted, as far as they are labelled."""

    def __init__(self, labels: Labels | None) -> None:
        self._labels = labels
        self._plane: tuple[Index, npt.NDArray[np.uint8] | None] | None = None

    def plane(self, index: Index) -> npt.NDArray[np.uint8] | None:
        """Class map of a plane; None where nothing usable is labelled."""
        if self._plane is None or self._plane[0] != index:
            self._plane = index, self._read(index)
        return self._plane[1]

    def _read(self, index: Index) -> npt.NDArray[np.uint8] | None:
        if self._labels is None:
            return None
        labels, regions = self._labels.plane(index), self._labels.plane_regions(index)
        kind = self._labels.kind
        if labels.any():
            labels, findings = check_labels(labels, kind, labels.shape)
            if any(finding.level == "error" for finding in findings):
                return None
        target = make_target(labels, kind, complete=self._labels.complete, regions=regions)
        return target.classes


def _report(job: str, one: TilePrediction, truth: _Truth, total: int) -> TileDone:
    """Means over the pixels of the tile's output; the loss is the unweighted cross-entropy."""
    probability, loss = one.probability, None
    known = truth.plane(one.index)
    if known is not None:
        known = known[tuple(slice(*span) for span in one.tile.output)]
        places = known < len(probability)  # neither unlabelled nor a class the model has not learnt
        if places.any():
            given = np.take_along_axis(probability, (known * places)[None], 0)[0][places]
            loss = float(-np.log(np.maximum(given, 1e-7)).mean())
    return TileDone(
        job=job,
        index=one.index,
        number=one.tile.number,
        total=total,
        output=one.tile.output,
        input=one.tile.input,
        confidence=float(probability.max(0).mean()),
        entropy=float(uncertainty(probability).mean()),
        foreground=float((classes(probability) > 0).mean()),
        loss=loss,
    )


def predict_files(command: PredictFiles, source: TrainingService) -> Job:
    """Files of a folder into another; those that cannot be predicted are told and left out.

    Cancelled, or killed with the engine, the same command goes on where it was.
    """
    written: list[str] = []
    progress = predict_paths(
        source.model().own_size() if command.own_size else source.model(),
        command.images,
        command.out,
        command.outputs,
        rotations=command.rotations,
        tile=command.tile,
        device=source.device,
        precision=source.precision,
        axes=command.axes,
        resume=True,
    )
    for one in progress:
        written += map(str, one.written)
        done = JobProgress(
            job=command.job,
            done=round(1000 * one.fraction),
            total=1000,
            text=f"{one.path.name} ({one.number} of {one.total})",
        )
        notices = [NoticeGiven(message=f"{one.path.name}: {text}") for text in one.notes]
        if one.problem:
            notices.append(NoticeGiven(message=one.problem, level="warning"))
        yield (done, *notices)
    yield (JobFinished(job=command.job, result={"files": written}),)


def attention(command: Attention, workspace: Workspace, source: TrainingService) -> Job:
    """Attention coefficients in a part of one plane or volume, tile by tile."""
    model = source.model()
    predictor = model.attention_predictor(source.device, source.precision)
    image = model.as_image(workspace.image(command.image))
    array = open_array(command.array, writable=True)
    names = model.attention_names
    wanted = (len(names), *(b - a for a, b in command.box))
    if tuple(array.shape) != wanted:
        raise UserError(
            f"The model has the attention gates {', '.join(names)}, but the settings of the "
            f"network are others by now: set them back, or train anew."
        )
    for one in model.tiles(image, predictor, indices=[command.index], box=command.box):
        place = (
            slice(a - start, b - start)
            for (a, b), (start, _) in zip(one.tile.output, command.box, strict=True)
        )
        array[(slice(None), *place)] = one.probability
        yield (JobProgress(job=command.job, done=one.number, total=one.total),)
    yield (JobFinished(job=command.job, result={"gates": list(names)}),)


def save_model(command: SaveModel, source: TrainingService) -> Job:
    """The newest model into a file."""
    source.save(command.path, training_state=command.training_state)
    yield (JobFinished(job=command.job, result={"path": command.path}),)


def load_model(command: LoadModel, source: TrainingService) -> Job:
    """A file's model becomes the newest; the result holds its header."""
    header = source.load(command.path).header
    yield (JobFinished(job=command.job, result={"header": header.model_dump(mode="json")}),)


def boundary_weights(command: BoundaryWeights, workspace: Workspace) -> Job:
    """The weight map of one labelled plane."""
    labels = workspace.labels.get(command.image)
    if labels is None:
        raise UserError("The image has no labels yet: paint some objects first.")
    if labels.kind != "objects":
        raise UserError(
            "Boundary weights exist between objects: they need labels of the kind 'objects', "
            f"these are {labels.kind}."
        )
    image = workspace.image(command.image)
    array = open_array(command.array, writable=True)
    plane, findings = check_labels(labels.plane(command.index), labels.kind, image.spatial_shape)
    for finding in findings:
        if finding.level == "error":
            raise UserError(f"{image.name}: {finding.message}")
    target = make_target(
        plane,
        labels.kind,
        complete=labels.complete,
        regions=labels.plane_regions(command.index),
    )
    assert target.objects is not None
    # As in training: planes count pixels, volumes follow their voxels.
    voxel = relative(image.spacing) if image.dims == 3 else ()
    weights = weight_map(target.objects, command.w0, command.sigma, voxel)
    array[...] = np.where(target.classes == UNLABELLED, np.float32(0), weights)
    yield (JobFinished(job=command.job),)


def dry_run(command: DryRun, workspace: Workspace) -> Job:
    """What a training step on the labels that there are would cost; one step a piece."""
    labelled = workspace.labelled()
    if not labelled:
        raise UserError("Nothing is labelled yet: paint some of each class for a dry run.")
    for state in measure(
        labelled,
        network=command.network,
        arguments=command.arguments or None,
        preset_name=command.preset,
        settings=command.settings,
        classes=[ClassDescription(name=c.name, color=c.color) for c in command.classes],
        device=command.device,
        precision=command.precision,
    ):
        yield (JobProgress(job=command.job, done=state.done, total=state.total),)
    yield (JobFinished(job=command.job, result=state.to_json()),)
