"""Train, Pause, Stop, Reset, and keeping models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unet.engine.inspecting import KeepHistory, SnapshotKept
from napari_unet.engine.protocol import (
    ExportModel,
    LoadModel,
    MoveCheckpoint,
    PauseTraining,
    PruneModel,
    ResetTraining,
    ResumeTraining,
    SaveModel,
    StartTraining,
    StopTraining,
)
from napari_unet.errors import UserError
from napari_unet.model.export import SUFFIXES, Format
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.loaded_model import LOADING
from napari_unet.plugin.state import Job, TrainingState
from napari_unet.project.earlier import set_aside, told_aside
from napari_unet.pruning.criteria import Method

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
    if any(job.what == LOADING for job in session.jobs.values()):
        raise UserError("The model is still being loaded: try again in a moment.")
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
    training.network = training.network or session.network
    classes = session.classes
    if all(one.kind == "objects" for one in session.labels.values()):
        classes = classes[:2]
    session.model_classes = max(session.model_classes if resume else 2, len(classes))
    training.phase = "starting"
    keep_history(session)
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
    session.project.keep_settings(session)
    session.training_changed.emit()


def history_folder(session: Session) -> Path | None:
    """Where models along the training are kept: beside the project's model."""
    checkpoint = session.project.checkpoint
    return checkpoint.parent / "history" if checkpoint is not None else None


def keep_history(session: Session) -> None:
    """Let the engine keep models along the training, and tell which there are."""
    folder = history_folder(session)
    if folder is not None:
        session.history = [one for one in session.history if Path(one.path).parent == folder]
        session.send(KeepHistory(folder=str(folder)))


def move_checkpoint(session: Session) -> None:
    """The project has another folder now: the engine keeps its models there."""
    checkpoint = session.project.checkpoint
    if checkpoint is not None and session.engine.alive:
        session.send(MoveCheckpoint(path=str(checkpoint)))
        keep_history(session)


def roll_back(session: Session, kept: SnapshotKept) -> None:
    """The model of a moment is the newest again, and training goes on from there.

    Labels stay as they are. Raises UserError while training runs.
    """
    if session.training.running:
        raise UserError("Training is under way: stop it before you roll back.")

    def loaded(result: dict[str, object]) -> None:
        training = session.training
        training.step = training.checkpoint_step = kept.step
        training.seconds = kept.seconds
        training.losses = [one for one in training.losses if one[0] <= kept.step]
        session.forecasting.remember()
        training.points = [one for one in training.points if one.step <= kept.step]
        session.save_curves(now=True)
        checkpoint = session.project.checkpoint
        if checkpoint is not None:  # else the project would open with the later model
            job = start_job(session, "Keeping the model", SaveModel, path=str(checkpoint))
            if job in session.jobs:
                session.jobs[job].answered = lambda result: None
        session.tell("info", f"Rolled back to step {kept.step}: Train goes on from there.")
        session.training_changed.emit()
        session.curves_changed.emit()

    job = start_job(session, LOADING, LoadModel, path=kept.path)
    if job in session.jobs:
        session.jobs[job].answered = loaded


def pause(session: Session) -> None:
    """Pause, or go on after a pause."""
    paused = session.training.phase == "paused"
    session.send(ResumeTraining() if paused else PauseTraining())


def stop(session: Session) -> None:
    """End training and keep the model."""
    if session.training.running:
        session.send(StopTraining())


def reset(session: Session) -> None:
    """Forget the network and its curves; labels stay, and the project's model is set aside."""
    session.save_curves(now=True)
    checkpoint = session.project.checkpoint
    if session.engine.alive:
        session.send(ResetTraining(checkpoint=str(checkpoint) if checkpoint else None))
    elif checkpoint is not None and (kept := set_aside(checkpoint)) is not None:
        session.tell("info", told_aside(kept))
    session.training = TrainingState()
    session.has_model = False
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
    start_job(session, LOADING, LoadModel, path=str(path))


def prune_model(session: Session, path: str | Path, percent: int, method: Method = "stamp") -> None:
    """Write a copy with ``percent`` of the parameters; ``method``: see `pruning.criteria`.

    Raises UserError when there is no model.
    """
    needs_model(session)
    session.flush()
    path = Path(path)
    if path.suffix != ".unet":
        path = path.with_name(path.name + ".unet")
    what = f"Making {path.name}"
    start_job(
        session,
        what,
        PruneModel,
        cancellable=True,
        path=str(path),
        to=f"{percent}%",
        method=method,
    )


def export_model(
    session: Session, path: str | Path, format: Format, name: str = "", authors: Sequence[str] = ()
) -> None:
    """Write the model for other programs. Raises UserError when there is none."""
    needs_model(session)
    path = Path(path)
    if path.suffix != SUFFIXES[format]:
        path = path.with_name(path.name + SUFFIXES[format])
    start_job(
        session,
        f"Exporting {path.name}",
        ExportModel,
        cancellable=True,
        path=str(path),
        format=format,
        name=name,
        authors=tuple(authors),
    )


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
            reason = needs.problem if needs is not None else ""
            session.drop_job(job.id, reason or "The engine could not be asked.")

    if needs is None:
        send()
    else:
        job.text = f"reading {needs.name} ..." if not needs.ready else ""
        session.when_read(needs, send)
    session.jobs_changed.emit()
    return job.id
