"""Training, the model of the moment, and the preview of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.core import make_trainer, resume
from napari_unet.engine.protocol import (
    CloseImage,
    Command,
    Event,
    LabelsChanged,
    MoveCheckpoint,
    NoticeGiven,
    OpenImage,
    PauseTraining,
    RemoveLabels,
    ResetTraining,
    ResumeTraining,
    SetClasses,
    SetLabels,
    StartTraining,
    StopTraining,
    TrainingPaused,
    TrainingReset,
    TrainingResumed,
    Unwatch,
    Watch,
)
from napari_unet.engine.training_run import TrainingRun
from napari_unet.engine.watching import Current, Watcher
from napari_unet.engine.workspace import Workspace
from napari_unet.errors import UserError
from napari_unet.model import file
from napari_unet.model.building import network_for
from napari_unet.model.header import ClassDescription
from napari_unet.model.model import Model
from napari_unet.project.earlier import set_aside, told_aside
from napari_unet.speed import repeatable
from napari_unet.training.state import hold_out_from
from napari_unet.training.validation import HoldOut


@dataclass(frozen=True)
class Loaded:
    """A model from a file, with what it takes to go on training it."""

    path: str
    model: Model
    state: dict[str, Any] | None


def load(path: str) -> Loaded:
    """Read a model file with its training state; :class:`UserError` when it is none."""
    header, weights, state = file.load(path)
    return Loaded(path, Model(header, network_for(header, weights, path)), state)


class TrainingService:
    """At most one training, and a model: the one in training, else the one that was loaded."""

    def __init__(self, workspace: Workspace, emit: Callable[[Event], None]) -> None:
        self._workspace, self._emit = workspace, emit
        self._watcher = Watcher(workspace, emit)
        self._run: TrainingRun | None = None
        self._loaded: Loaded | None = None
        self.device = self.precision = "auto"

    @property
    def run(self) -> TrainingRun | None:
        """The training at hand, under way or ended; None before the first and after a reset."""
        return self._run

    @property
    def has_model(self) -> bool:
        """Whether training has begun or a model was loaded."""
        return self._run is not None or self._loaded is not None

    @property
    def busy(self) -> bool:
        """Whether :meth:`advance` has anything to do."""
        return (self._run is not None and self._run.able) or self._preview_due

    @property
    def repeatable(self) -> bool:
        """Whether a training is under way that somebody may want to repeat bit by bit."""
        return self._run is not None and self._run.running and self._run.limited

    def advance(self) -> None:
        """One training step, and the preview if it is due."""
        if self._run is not None and self._run.able:
            self._tell(self._run.advance())
        if self._preview_due:
            able = self._run is not None and self._run.able
            seconds = self._watcher.show(self._current, self._step, training=able)
            if self._run is not None and self._run.running:
                self._run.trainer.seconds += seconds

    def keep(self) -> None:
        """Write the checkpoint before the engine ends."""
        if self._run is not None:
            self._tell(self._run.write_checkpoint())

    # ------------------------------------------------------------ the model

    def model(self) -> Model:
        """The newest model, which later training does not change.

        :class:`UserError` when there is none.
        """
        if self._run is not None and self._step:
            return self._run.model()
        if self._loaded is not None:
            return self._loaded.model
        raise UserError("There is no model yet: press Train, or load a model.")

    def held_out(self) -> HoldOut:
        """What the training under way, or that of the file, keeps for scoring; else empty."""
        if self._run is not None:
            planes = self._run.trainer.data.planes
            return {key: plane.held_out for key, plane in planes.items()}
        if self._loaded is not None and self._loaded.state is not None:
            return hold_out_from(self._loaded.state["values"]["hold_out"])
        return {}

    def save(self, path: str, *, training_state: bool) -> None:
        """Write the newest model to ``path``; :class:`UserError` when it cannot be written."""
        state = None
        if training_state and self._run is not None:
            state = self._run.trainer.state()
        elif training_state and self._loaded is not None:
            state = self._loaded.state
        self.model().save(path, state)

    def load(self, path: str) -> Model:
        """Take the model of a file instead of the one in training.

        :class:`UserError` when it is no model, or while training runs.
        """
        if self._run is not None and self._run.phase != "ended":
            raise UserError("Training is under way: stop it before you load another model.")
        self._loaded = load(path)
        self._run = None
        self._watcher.begin()
        return self._loaded.model

    @property
    def _step(self) -> int:
        """How far the model is trained."""
        if self._run is not None:
            return self._run.trainer.step
        return self._loaded.model.header.history.steps if self._loaded is not None else 0

    @property
    def _preview_due(self) -> bool:
        if self._run is not None:
            running, trainer = self._run.able, self._run.trainer
            at_once = trainer.fitted or not running
            return (trainer.step > 0 or trainer.fitted) and self._watcher.due(
                self._step, training=running, at_once=at_once
            )
        return self._loaded is not None and self._watcher.due(
            self._step, training=False, at_once=True
        )

    def _current(self) -> Current:
        if self._run is not None:
            trainer, channels = self._run.trainer, self._run.labels.channels
            known = self._run.known_objects
            return Current(trainer.predictor(), trainer.data.normalisation, channels, known)
        assert self._loaded is not None
        model = self._loaded.model
        return Current(
            model.predictor(self.device, self.precision),
            model.header.rule(),
            model.header.in_channels,
            lambda: model.known_objects,
        )

    # ------------------------------------------------------------ commands

    def handle(self, command: Command) -> None:
        run = self._run
        if isinstance(command, OpenImage):
            self._watcher.reopened(command.id)
        match command:
            case StartTraining():
                self._start(command)
            case PauseTraining() if run is not None and run.running:
                run.phase = "paused"
                self._emit(TrainingPaused(step=self._step))
            case ResumeTraining() if run is not None and run.phase == "paused":
                run.phase = "running"
                self._emit(TrainingResumed(step=self._step))
            case StopTraining() if run is not None:
                run.stop()
            case MoveCheckpoint() if run is not None:
                self._tell(run.move_checkpoint(command.path))
            case ResetTraining():
                self._reset(command)
            case SetClasses() if run is not None:
                run.classes = command.classes
            case LabelsChanged() if run is not None:
                run.labels.changed(command.image, command.index)
            case OpenImage() if run is not None and command.id in self._workspace.labels:
                run.labels.replaced(command.id)
            case SetLabels() if run is not None:
                run.labels.replaced(command.image)
            case RemoveLabels() if run is not None:
                run.labels.removed(command.image)
            case CloseImage() if run is not None:
                run.labels.removed(command.id)
            case Watch():
                self._watcher.watch(command)
            case Unwatch():
                self._watcher.watch(None)

    def _start(self, command: StartTraining) -> None:
        self.device, self.precision = command.device, command.precision
        if not command.resume:
            self._run = self._loaded = None
            self._set_aside(command.checkpoint)
        elif self._run is None:
            self._loaded = self._interrupted(command)
        if self._run is None:
            self._run = self._new_run(command)
            self._loaded = None
            self._watcher.begin()
        self._run.go_on(command)

    def _reset(self, command: ResetTraining) -> None:
        self.keep()  # what is set aside is the newest
        self._run = self._loaded = None
        try:
            self._set_aside(command.checkpoint)
        finally:
            self._emit(TrainingReset())

    def _set_aside(self, checkpoint: str | None) -> None:
        """A training that begins anew writes over no model of the one before."""
        kept = set_aside(Path(checkpoint)) if checkpoint is not None else None
        if kept is not None:
            self._emit(NoticeGiven(message=told_aside(kept)))

    def _interrupted(self, command: StartTraining) -> Loaded | None:
        """What to go on with: the model that was loaded, else the checkpoint on disk."""
        if self._loaded is not None:
            return self._loaded
        if command.checkpoint is not None and Path(command.checkpoint).exists():
            return load(command.checkpoint)
        self._emit(NoticeGiven(message="There is no training to go on with: it starts anew."))
        return None

    def _new_run(self, command: StartTraining) -> TrainingRun:
        labelled = self._workspace.labelled()
        if not labelled:
            raise UserError("Nothing is labelled yet: paint some of each class, then train.")
        described = [ClassDescription(name=c.name, color=c.color) for c in command.classes]
        loaded = self._loaded
        common: dict[str, Any] = {
            "seed": command.seed,
            "validation": command.validation,
            "device": command.device,
            "precision": command.precision
            if command.steps is None
            else repeatable(command.precision, command.device, dims=labelled[0].image.dims),
        }
        if loaded is None:
            trainer = make_trainer(
                labelled,
                network=command.network,
                arguments=command.arguments or None,
                preset_name=command.preset,
                settings=command.settings,
                classes=described,
                start=command.start,
                **common,
            )
            return TrainingRun(trainer, command, self._workspace, labelled)
        header = loaded.model.header
        recipe = dict(header.preset)
        trainer = make_trainer(
            labelled,
            network=header.network,
            arguments=header.arguments,
            preset_name=str(recipe.pop("name", "live")),
            settings=recipe,
            classes=[*described, *header.classes[len(described) :]],
            start="random" if loaded.state is not None else loaded.path,
            **common,
        )
        if loaded.state is not None:
            resume(trainer, loaded.state, loaded.path)
        else:
            self._emit(
                NoticeGiven(
                    message=f"{Path(loaded.path).name} holds no training state: training begins "
                    "anew from its weights."
                )
            )
        trainer.origin = header.provenance.start
        return TrainingRun(trainer, command, self._workspace, labelled)

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._emit(event)
