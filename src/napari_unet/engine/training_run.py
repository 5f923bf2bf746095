"""One training in the engine: the trainer, what it was asked for, and its events for the GUI."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from napari_unet.core import finish
from napari_unet.core.training import known_objects
from napari_unet.engine.events import ValidationFacts
from napari_unet.engine.fresh_labels import FreshLabels
from napari_unet.engine.protocol import (
    CheckpointWritten,
    Event,
    NoticeGiven,
    StartTraining,
    TrainingFailed,
    TrainingFinished,
    TrainingProgress,
    TrainingStarted,
)
from napari_unet.engine.sentences import sentence
from napari_unet.engine.workspace import Workspace
from napari_unet.images.image import Image
from napari_unet.model.header import ClassDescription
from napari_unet.model.model import Model
from napari_unet.model.provenance import image_hash
from napari_unet.prediction.object_sizes import KnownObjects
from napari_unet.training import events as told
from napari_unet.training.data import LabelledImage
from napari_unet.training.trainer import Trainer

HASHED = 2**28
"""Images of up to this many bytes are fingerprinted; larger ones would hold up the training."""


class TrainingRun:
    """A trainer that is advanced event by event; it pauses by not being advanced."""

    def __init__(
        self,
        trainer: Trainer,
        command: StartTraining,
        workspace: Workspace,
        labelled: Sequence[LabelledImage],
    ) -> None:
        self.trainer = trainer
        self.labels = FreshLabels(trainer, workspace, labelled)
        self.phase: Literal["running", "paused", "ended"] = "ended"
        self.classes = command.classes
        """What the user calls them, background first."""
        self._workspace, self._command = workspace, command
        self._events: Iterator[told.Event] = iter(())
        self._stopping = False
        self._written: int | None = None

    @property
    def running(self) -> bool:
        return self.phase == "running"

    @property
    def able(self) -> bool:
        """Whether :meth:`advance` has anything to do: without labels it waits for new ones."""
        return self.running and (self._stopping or self.labels.there)

    @property
    def limited(self) -> bool:
        """Whether it makes a fixed number of steps."""
        return self._command.steps is not None

    def go_on(self, command: StartTraining) -> None:
        """Train from here, with the limits and the checkpoint file of ``command``."""
        self._command, self._stopping = command, False
        self.classes = command.classes
        self._events = self.trainer.run(steps=command.steps, budget=command.budget)
        self.phase = "running"

    def stop(self) -> None:
        """End within one step, from a pause too; the last event tells of it."""
        if self.phase != "ended":
            self.trainer.stop()
            self._stopping, self.phase = True, "running"

    def advance(self) -> Iterator[Event]:
        """At most one step, with the newest labels."""
        if self._stopping:
            self.trainer.stop()  # again, for a run that has only just begun forgets it
        else:
            yield from self.labels.learn()
            if not self.labels.there:
                return
        event = next(self._events, None)
        if event is None:
            self.phase = "ended"
        else:
            yield from self._tell(event)

    def model(self) -> Model:
        """The model of this moment; training does not change it."""
        classes = [ClassDescription(name=c.name, color=c.color) for c in self.classes]
        hashes = {image.name: self._hash(image) for image in self.labels.images}
        return finish(
            self.trainer,
            kind=self.labels.kind,
            images=self.labels.images,
            classes=classes,
            hashes={name: value for name, value in hashes.items() if value is not None},
            seed=self.trainer.seed,
        )

    def known_objects(self) -> KnownObjects:
        """What the labels of this moment say of the objects to be found."""
        return known_objects(self.trainer, self.labels.kind)

    def write_checkpoint(self, state: dict[str, Any] | None = None) -> Iterator[Event]:
        """Keep the model in the file that was asked for, if it is not there already.

        ``state``: the state of the trainer, if it is at hand.
        """
        path, step = self._command.checkpoint, self.trainer.step
        if path is None or step == 0 or step == self._written:
            return
        try:
            began = time.perf_counter()  # the batch statistics of a model take time, too
            model = self.model()
            model.save(path, state or self.trainer.state())
            self.trainer.checkpoint_cost = time.perf_counter() - began
            self._written = step
            yield CheckpointWritten(path=path, step=step)
        except Exception as error:
            yield NoticeGiven(
                message=f"{sentence(error)} Training goes on; the model is kept in memory.",
                level="warning",
            )

    def move_checkpoint(self, path: str) -> Iterator[Event]:
        """Keep the model there from now on, and at once."""
        self._command = self._command.model_copy(update={"checkpoint": path})
        self._written = None
        yield from self.write_checkpoint()

    def _hash(self, image: Image) -> str | None:
        known = self._workspace.hashes
        size = int(np.prod(image.data.shape)) * np.dtype(image.data.dtype).itemsize
        if image.name not in known and size <= HASHED:
            known[image.name] = image_hash(image)
        return known.get(image.name)

    def _tell(self, event: told.Event) -> Iterator[Event]:
        match event:
            case told.Started():
                yield from self._tell_start(event)
            case told.Progress():
                yield _progress(event, again=event.validation is not None)
            case told.Notice():
                yield NoticeGiven(message=event.message, level="warning")
            case told.Checkpoint():
                yield from self.write_checkpoint(event.state)
            case told.Finished():
                self.phase = "ended"
                if event.validation is not None:
                    yield self._last_validation(event, event.validation)
                yield from self.write_checkpoint()
                yield TrainingFinished(step=event.step, seconds=event.seconds, reason=event.reason)
            case told.Failed():
                self.phase = "ended"
                print(event.details, flush=True)
                yield from self.write_checkpoint()
                yield TrainingFailed(message=event.message, details=event.details)

    def _tell_start(self, event: told.Started) -> Iterator[Event]:
        notices = self.labels.notices()
        about_labels = set(self.trainer.data.notes)
        yield TrainingStarted(
            network=event.network,
            parameters=event.parameters,
            device=event.device,
            precision=event.precision,
            batch=event.batch,
            tile=event.tile,
            step=self.trainer.step,
            notes=tuple(note for note in event.notes if note not in about_labels),
        )
        yield from notices

    def _last_validation(self, event: told.Finished, validation: told.Validation) -> Event:
        return TrainingProgress(
            step=event.step,
            losses=(),
            seconds=event.seconds,
            steps_per_second=0.0,
            learning_rate=0.0,
            validation_iou=validation.iou,
            validation_facts=_facts(validation),
        )


def _progress(event: told.Progress, *, again: bool) -> TrainingProgress:
    """``again``: a second event about the same step, which must not count its loss twice."""
    return TrainingProgress(
        step=event.step,
        losses=() if again else ((event.step, event.loss),),
        seconds=event.seconds,
        steps_per_second=event.steps_per_second,
        learning_rate=event.learning_rate,
        validation_iou=event.validation.iou if event.validation is not None else None,
        validation_facts=_facts(event.validation) if event.validation is not None else None,
    )


def _facts(validation: told.Validation) -> ValidationFacts:
    interval = validation.interval
    known = {"pixels": validation.pixels, "labelled": validation.labelled}
    known["objects"] = validation.objects
    if interval is None:
        return ValidationFacts(**known)
    return ValidationFacts(
        low=interval.low,
        high=interval.high,
        unit=interval.unit,
        units=interval.count,
        images=interval.images,
        reason=interval.reason,
        **known,
    )
