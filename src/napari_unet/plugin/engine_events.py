"""What the session does when the engine tells something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.inspecting import SnapshotKept
from napari_unet.engine.protocol import (
    CheckpointWritten,
    EngineDied,
    Event,
    JobFailed,
    JobFinished,
    JobProgress,
    NetworkMeasured,
    NoticeGiven,
    PreviewReady,
    Ready,
    TileDone,
    TrainingFailed,
    TrainingFinished,
    TrainingPaused,
    TrainingProgress,
    TrainingReset,
    TrainingResumed,
    TrainingStarted,
)
from napari_unet.plugin import outputs, verifying
from napari_unet.plugin.forecasting import score_of
from napari_unet.plugin.loaded_model import LOADING, know_model
from napari_unet.plugin.predicting import finish_prediction, show_tile
from napari_unet.plugin.showing import show_prediction
from napari_unet.plugin.state import Job, TileRow

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def handle(session: Session, event: Event) -> None:
    """Take one event into the session's state and layers."""
    training = session.training
    match event:
        case Ready():
            session.engine_text = f"Engine ready on {event.device_name} ({event.precision})"
            session.engine_was_ready = True
            session.training_changed.emit()
        case NetworkMeasured():
            session.figures[event.recipe, event.network] = event
            session.figures_changed.emit()
        case TrainingStarted():
            training.phase = "training"
            training.device, training.precision = event.device, event.precision
            training.parameters, training.batch = event.parameters, event.batch
            training.tile, training.step = event.tile, event.step
            for text in event.notes:
                session.tell("info", text)
            session.training_changed.emit()
        case TrainingProgress():
            _progress(session, event)
        case TrainingPaused():
            training.phase = "paused"
            session.training_changed.emit()
        case TrainingResumed():
            training.phase = "training"
            session.training_changed.emit()
        case TrainingReset():
            training.__init__()  # type: ignore[misc]
            session.has_model = False
            session.training_changed.emit()
            session.curves_changed.emit()
        case TrainingFinished():
            training.phase, session.has_model = "stopped", True
            training.step, training.seconds = event.step, event.seconds
            session.save_curves(now=True)
            session.forecasting.remember()
            session.tell("info", f"Training stopped after step {event.step}; the model is kept.")
            session.training_changed.emit()
        case TrainingFailed():
            training.phase = "failed"
            session.forecasting.remember()
            session.tell("error", event.message)
            session.training_changed.emit()
        case NoticeGiven():
            entry = session.entry_of(event.image) if event.image else None
            about = f"{entry.name}: " if entry and entry.name not in event.message else ""
            session.tell(event.level, about + event.message)
        case PreviewReady():
            _preview(session, event)
        case CheckpointWritten():
            training.checkpoint_step = event.step
            session.save_curves()
            session.project_changed.emit()
        case SnapshotKept():
            history = {one.path: one for one in session.history if one.path not in event.dropped}
            session.history = list((history | {event.path: event}).values())
            session.history_changed.emit()
        case TileDone():
            _tile(session, event)
        case JobProgress():
            job = session.jobs.get(event.job)
            if job is not None:
                job.done, job.total, job.text = event.done, event.total, event.text
                session.jobs_changed.emit()
        case JobFinished() | JobFailed():
            _job_ended(session, event)
        case EngineDied():
            _died(session, event)


def _progress(session: Session, event: TrainingProgress) -> None:
    training = session.training
    if training.phase == "starting":
        training.phase = "training"
    training.losses.extend(event.losses)
    training.step, training.seconds = event.step, event.seconds
    training.speed = event.steps_per_second
    session.has_model = True
    session.model_classes = max(session.model_classes, session.painted_classes)
    if event.validation_iou is not None:
        training.points.append(score_of(event))
    session.training_changed.emit()
    session.curves_changed.emit()


def _preview(session: Session, event: PreviewReady) -> None:
    entry = session.entry_of(event.image)
    looking = session.looking
    if entry is None or looking.array is None:
        return
    if looking.place != (event.image, event.index, event.box):
        return
    probability = np.array(looking.array)
    if len(session.classes) != len(probability):
        return
    classes = probability.argmax(0).astype(np.uint8)
    session.correcting.predicted(entry, event.index, event.box, classes)
    show_prediction(session, entry, event.index, event.box, probability)


def _tile(session: Session, event: TileDone) -> None:
    if event.job not in session.outputs:
        return
    session.tiles[(event.index, event.number)] = TileRow(
        event.index,
        event.number,
        event.output,
        event.input,
        event.confidence,
        event.entropy,
        event.foreground,
        float("nan") if event.loss is None else event.loss,
    )
    show_tile(session, event.job, event.index, event.output)


def _job_ended(session: Session, event: JobFinished | JobFailed) -> None:
    job = session.jobs.pop(event.job, None)
    if job is None:
        return
    try:
        if isinstance(event, JobFailed):
            _job_failed(session, job, event)
        else:
            _job_finished(session, job, event)
    finally:  # else its progress would stay
        session.job_ended.emit(event)
        session.jobs_changed.emit()


def _job_failed(session: Session, job: Job, event: JobFailed) -> None:
    outputs.drop(session, event.job)
    if job.refused is not None:
        job.refused(event.message)
        return
    text = f"{job.what} was cancelled." if event.cancelled else event.message
    session.tell("info" if event.cancelled else "error", text)


def _job_finished(session: Session, job: Job, event: JobFinished) -> None:
    if job.what == LOADING:
        know_model(session, event.result)
        if job.answered is not None:
            job.answered(event.result)
    elif job.answered is not None:
        job.answered(event.result)
    elif job.what == verifying.WHAT:
        verifying.finish(session, event.result)
    elif event.job in session.outputs:
        notes, doubtful = event.result.get("notes", ()), bool(event.result.get("doubtful"))
        finish_prediction(session, event.job, notes, doubtful=doubtful)
    else:
        session.tell("info", event.result.get("text") or f"{job.what}: done.")


def _died(session: Session, event: EngineDied) -> None:
    training = session.training
    step = training.checkpoint_step
    if training.running:
        training.phase = "failed"
        again = f"from step {step}" if step is not None else "anew"
        session.tell("error", f"{event.message} Your labels are safe. Train goes on {again}.")
    else:
        session.tell("error", f"{event.message} Your labels are safe.")
    session.has_model = step is not None
    for job in list(session.jobs.values()):
        session.jobs.pop(job.id)
        if job.refused is not None:
            job.refused(event.message)
    for job_id in list(session.outputs):
        outputs.drop(session, job_id)
    if session.engine_was_ready:
        session.engine_text = "The engine was started again."
        session.restart_engine()
    else:  # it would die again: Train tries once more
        session.engine_text = "There is no engine: see the log."
    session.training_changed.emit()
    session.jobs_changed.emit()
