"""Train, Pause, Stop, Reset, and keeping models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.protocol import (
    LoadModel,
    PauseTraining,
    PruneModel,
    ResetTraining,
    ResumeTraining,
    SaveModel,
    StartTraining,
    StopTraining,
)
from napari_unet.errors import UserError
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.state import Job, TrainingState

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def train(session: Session) -> None:
    """Start, or go on where training was. Raises UserError when nothing can be learnt yet."""
    session.flush()
    training = session.training
    if training.phase == "paused":
        session.send(ResumeTraining())
        return
    if training.running:
        return
    if not session.engine.alive:
        session.restart_engine()
    if not session.labels:
        raise UserError("Make labels first: choose an image and press New labels.")
    if not any(one.sent.any() for one in session.labels.values()):
        raise UserError("Nothing is painted yet: paint some background and some of each class.")
    waiting = [one.entry.name for one in session.labels.values() if not one.entry.ready]
    if waiting:
        raise UserError(f"{waiting[0]} is still being read: try again in a moment.")
    if session.dims == 3:
        flat = [one.entry for one in session.labels.values() if "z" not in one.entry.image.axes]
        if flat:
            raise UserError(
                f"{flat[0].name} is labelled but has no z (its axes are {flat[0].image.axes}): in "
                f"3D all labelled images are volumes. Remove its labels, or work in 2D."
            )
    resume = session.has_model
    if not resume:
        session.training = training = TrainingState()
        session.curves_changed.emit()
    classes = session.classes
    if all(one.kind == "objects" for one in session.labels.values()):
        classes = classes[:2]
    session.model_classes = max(session.model_classes if resume else 2, len(classes))
    training.phase = "starting"
    sent = session.send(
        StartTraining(
            network=session.network,
            preset=session.preset,
            settings=dict(session.settings),
            classes=tuple(classes),
            resume=resume,
            seed=session.seed,
            device=session.device,
            checkpoint=str(session.project.checkpoint) if session.project.checkpoint else None,
        )
    )
    if not sent:
        training.phase = "failed"
    session.project.update_settings(
        network=session.network,
        preset=session.preset,
        settings=session.settings,
        dims=session.dims,
    )
    session.training_changed.emit()


def pause(session: Session) -> None:
    """Pause, or go on after a pause."""
    paused = session.training.phase == "paused"
    session.send(ResumeTraining() if paused else PauseTraining())


def stop(session: Session) -> None:
    """End training and keep the model."""
    if session.training.running:
        session.send(StopTraining())


def reset(session: Session) -> None:
    """Forget the network and its curves; labels and files stay."""
    session.send(ResetTraining())
    session.training = TrainingState()
    session.has_model = False
    session.save_curves(now=True)
    session.training_changed.emit()
    session.curves_changed.emit()


def needs_model(session: Session) -> None:
    """Raise UserError when there is nothing to predict with or to save."""
    if not session.has_model:
        raise UserError("There is no model yet: press Train, or load a model.")


def save_model(session: Session, path: str | Path) -> None:
    """Write the model of this moment. Raises UserError when there is none."""
    needs_model(session)
    path = Path(path)
    if path.suffix != ".unet":
        path = path.with_name(path.name + ".unet")
    start_job(session, f"Saving {path.name}", SaveModel, path=str(path))


def load_model(session: Session, path: str | Path) -> None:
    """Load a model to predict with or to train further."""
    start_job(session, "Loading the model", LoadModel, path=str(path))


def prune_model(session: Session, path: str | Path, percent: int) -> None:
    """Write a copy with ``percent`` of the parameters. Raises UserError when there is no model."""
    needs_model(session)
    session.flush()
    path = Path(path)
    if path.suffix != ".unet":
        path = path.with_name(path.name + ".unet")
    what = f"Making {path.name}"
    start_job(session, what, PruneModel, cancellable=True, path=str(path), to=f"{percent}%")


def start_job(
    session: Session,
    what: str,
    command: type,
    *,
    cancellable: bool = False,
    needs: ImageEntry | None = None,
    **fields: object,
) -> str:
    """Ask the engine for something that ends with an event; returns the job's id.

    ``needs``: an image that the engine must be able to read; the job waits for it.
    """
    session.numbers += 1
    job = Job(f"job-{session.numbers}", what, cancellable)
    session.jobs[job.id] = job

    def send() -> None:
        if job.id not in session.jobs:
            return
        job.sent = True
        if (needs is not None and needs.problem) or not session.send(command(job=job.id, **fields)):
            session.drop_job(job.id)

    if needs is None:
        send()
    else:
        job.text = f"reading {needs.name} ..." if not needs.ready else ""
        session.when_read(needs, send)
    session.jobs_changed.emit()
    return job.id
