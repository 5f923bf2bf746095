"""A training from what the user hands over to a model: Python's and the command line's way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_unet.core.resuming import Interrupted, read_interrupted
from napari_unet.core.seconds import parse_seconds
from napari_unet.core.sources import Labelled, Sources, open_labelled
from napari_unet.core.training import Classes, describe_classes, finish, make_trainer, resume
from napari_unet.errors import UserError
from napari_unet.model import file
from napari_unet.model.header import ClassDescription
from napari_unet.model.model import Model
from napari_unet.model.provenance import image_hash
from napari_unet.networks import registry
from napari_unet.speed import repeatable
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Event, Failed, Notice
from napari_unet.training.schedule import check_seed
from napari_unet.training.trainer import Trainer

_log = logging.getLogger(__name__)

DEFAULT_BUDGET = 60.0
"""Seconds of training when neither budget nor steps are given."""


class TrainingError(UserError):
    """Training ended because of a fault; ``details`` holds the traceback, for the log."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@dataclass
class Run:
    """One training: iterate over :meth:`events`, then take the :meth:`model`."""

    trainer: Trainer
    labelled: Labelled
    steps: int | None
    budget: float | None
    classes: tuple[ClassDescription, ...] | None
    hashes: Mapping[str, str]
    seed: int
    notes: list[str] = field(default_factory=list)

    def events(self) -> Iterator[Event]:
        """Notes as notices first, then the events of the trainer."""
        yield from (Notice(note) for note in self.notes)
        yield from self.trainer.run(steps=self.steps, budget=self.budget)

    def model(self) -> Model:
        """The model of this moment; training may go on."""
        return finish(
            self.trainer,
            kind=self.labelled.kind,
            images=[one.image for one in self.labelled.images],
            classes=self.classes,
            hashes=self.hashes,
            seed=self.seed,
        )


def prepare(
    images: Sources,
    labels: Sources,
    *,
    budget: str | float | None = None,
    steps: int | None = None,
    network: str | None = None,
    preset: str | None = None,
    kind: str | None = None,
    classes: Classes = None,
    start: str | Path = "auto",
    regions: Sources | None = None,
    seed: int | None = None,
    validation: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    spacing: tuple[float, ...] | None = None,
    dims: int | None = None,
    resume_from: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Read everything and make the trainer; arguments as of :func:`train`.

    ``resume_from``: a model file with a training state. The training goes on where it was, with its
    network, settings, classes, kind of labels, pixel size and seed; ``steps`` counts from its
    beginning. :class:`UserError` where something else is asked for.
    """
    if budget is not None and steps is not None:
        raise UserError("Give either a budget or a number of steps, not both.")
    if steps is not None and steps < 1:
        raise UserError(f"{steps} steps are none: give a number from 1.")
    check_seed(seed or 0)
    seconds = None if budget is None else parse_seconds(budget)
    notes = []
    if seconds is None and steps is None:
        seconds = DEFAULT_BUDGET
        notes.append(f"No budget was given: training for {DEFAULT_BUDGET:.0f} s.")
    before: Interrupted | None = None
    if resume_from is not None:
        before = read_interrupted(resume_from)
        before.check(
            network=network,
            preset=preset,
            start=str(start),
            kind=kind,
            dims=dims,
            spacing=spacing,
            seed=seed,
            validation=None if validation is None else str(validation),
            settings=settings,
        )
        header = before.header
        kind, classes, seed = header.label_kind, header.classes, before.seed
        dims, spacing = header.dims, header.spacing
        validation = before.validation if validation is None else validation
    seed, validation = seed or 0, validation or "auto"
    dims = choose_dims(dims, network=network, spacing=spacing, start=start)
    labelled = open_labelled(
        images, labels, kind=kind, regions=regions, axes=axes, dims=dims, spacing=spacing
    )
    if before is not None:
        before.check_channels(labelled.images[0].image)
    held_out: tuple[LabelledImage, ...] = ()
    if str(validation) not in ("auto", "none"):
        held_out = validation_images(Path(validation), labelled.kind, axes, dims)
        validation = "auto"
    hashes = {one.image.name: image_hash(one.image) for one in labelled.images}
    clock = time.perf_counter()
    if steps is not None:
        precision = repeatable(precision, device, dims=dims)
    common: dict[str, Any] = {
        "seed": seed,
        "validation": str(validation),
        "held_out": held_out,
        "device": device,
        "precision": precision,
        "classes": classes,
    }
    if before is None:
        arguments = settings.pop("arguments", None)
        trainer = make_trainer(
            labelled.images,
            network=network,
            arguments=arguments,
            preset_name=preset or "live",
            settings=settings,
            start=start,
            **common,
        )
    else:
        trainer = make_trainer(
            labelled.images,
            network=before.header.network,
            arguments=before.header.arguments,
            preset_name=before.preset_name,
            settings=before.settings,
            start="random",  # whatever they are: the state replaces them
            **common,
        )
        notes += before.doubts(complete=trainer.data.complete, scored=bool(held_out))
        resume(trainer, before.state, str(resume_from))
        if seconds is not None:  # the trainer counts only what comes from here on
            seconds = max(0.1, seconds - (time.perf_counter() - clock))
        trainer.origin = before.header.provenance.start
        if {i.sha256 for i in before.header.provenance.images} != set(hashes.values()):
            notes.append(f"These are not the images that {resume_from} was trained on so far.")
    return Run(
        trainer,
        labelled,
        steps,
        seconds,
        describe_classes(classes),
        hashes,
        seed,
        [*labelled.notes, *notes],
    )


def train(
    images: Sources,
    labels: Sources,
    *,
    budget: str | float | None = None,
    steps: int | None = None,
    network: str | None = None,
    preset: str = "live",
    kind: str | None = None,
    classes: Classes = None,
    start: str | Path = "auto",
    regions: Sources | None = None,
    seed: int = 0,
    validation: str | Path = "auto",
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    spacing: tuple[float, ...] | None = None,
    dims: int | None = None,
    on_event: Callable[[Event], object] | None = None,
    **settings: Any,
) -> Model:
    """Train a model.

    Parameters
    ----------
    images, labels
        A path (file, folder or pattern), an array, an :class:`~napari_unet.images.image.Image`, or
        a list of them. Files belong together by their stem. Labels are integers with the axes of
        their image without c.
    budget
        Seconds (``60``, ``"60s"``, ``"2m"``, ``"1h"``) from the decoded images to the model.
    steps
        Number of optimiser steps instead; with neither, training takes 60 seconds.
    kind
        ``scribbles`` (0 = not labelled, 1 = background, 2.. = classes), ``classes`` (0 =
        background) or ``objects`` (ids). None guesses between the last two, and says so.
    classes
        Names of the classes, background first, or their number.
    network, preset
        See ``napari-unet networks``; ``live`` or ``paper2015``. Further keywords replace fields of
        the preset, e.g. ``batch=2, arguments={"width": 32}``.
    start
        ``general`` (weights that come with the package), ``random``, a model file to tune, or
        ``auto``: general where it fits the network.
    regions
        Masks (non-zero = fully annotated), one for each image.
    validation
        ``auto``, ``none``, or a folder with ``images`` and ``labels`` that are only scored.
    axes, spacing, dims
        What the letters of ``tzcyx`` stand for, pixel size by spatial axis, and whether z is
        spatial (3) or a stack of planes (2); without ``dims`` see :func:`choose_dims`.
    seed, device, precision
        The same seed, data and number of steps give the same model on the same machine.
    on_event
        Called with every event of :mod:`napari_unet.training.events`; without, notices are logged.

    Raises
    ------
    UserError
        Input that cannot be used, or a training that failed.
    """
    run = prepare(
        images,
        labels,
        budget=budget,
        steps=steps,
        network=network,
        preset=preset,
        kind=kind,
        classes=classes,
        start=start,
        regions=regions,
        seed=seed,
        validation=validation,
        device=device,
        precision=precision,
        axes=axes,
        spacing=spacing,
        dims=dims,
        **settings,
    )
    for event in run.events():
        if on_event is not None:
            on_event(event)
        elif isinstance(event, Notice):
            _log.warning(event.message)
        if isinstance(event, Failed):
            raise TrainingError(event.message, event.details)
    return run.model()


def choose_dims(
    dims: int | None,
    *,
    network: str | None,
    spacing: tuple[float, ...] | None,
    start: str | Path = "auto",
) -> int:
    """Spatial axes where nobody says how many.

    Those of the model to start from; else 3 for three pixel sizes, or a network that is for volumes
    only; else 2, each plane of a stack an image of its own.
    """
    if dims is not None:
        return dims
    if str(start) not in ("auto", "general", "random"):
        return file.read_header(Path(start)).dims
    if spacing is not None and len(spacing) == 3:
        return 3
    return 3 if network is not None and 2 not in registry.spec(network).dims else 2


def validation_images(
    folder: Path, kind: str, axes: str | None, dims: int
) -> tuple[LabelledImage, ...]:
    """Images and labels of a validation folder; :class:`UserError` where they are not there."""
    if not (folder / "images").is_dir() or not (folder / "labels").is_dir():
        raise UserError(
            f"The validation folder {folder} must hold the folders 'images' and 'labels' "
            f"(or give auto or none)."
        )
    found = open_labelled(folder / "images", folder / "labels", kind=kind, axes=axes, dims=dims)
    # Training images may have the same names.
    return tuple(
        replace(one, image=replace(one.image, name=f"validation/{one.image.name}"))
        for one in found.images
    )
