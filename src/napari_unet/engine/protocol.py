"""Messages between the GUI and the engine: one JSON object a line, arrays by reference.

Free of torch. Commands go from client to server, events come back. Arrays never travel through
the pipe: an :class:`ArrayRef` names a file that the GUI allocated (``.npy``, memory-mapped) or one
of the user's own files that the engine may read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from napari_unet.engine.inspecting import Inspecting, SnapshotKept
from napari_unet.engine.messages import ArrayRef as ArrayRef
from napari_unet.engine.messages import Box as Box
from napari_unet.engine.messages import ClassInfo as ClassInfo
from napari_unet.engine.messages import Index as Index
from napari_unet.engine.messages import Message as Message

# ---------------------------------------------------------------- commands


class OpenImage(Message):
    """Make an image known. ``axes`` holds letters of tzcyx; ``dims`` is 2 or 3 spatial axes."""

    type: Literal["open_image"] = "open_image"
    id: str
    name: str
    array: ArrayRef
    axes: str
    dims: int = 2
    spacing: tuple[float, ...] | None = None
    sha256: str | None = None


class CloseImage(Message):
    type: Literal["close_image"] = "close_image"
    id: str


class SetLabels(Message):
    """Labels of an image: same leading and spatial axes, no channel axis. Replaces older ones.

    ``regions``: non-zero = fully annotated. ``complete``: every plane counts as fully annotated.
    """

    type: Literal["set_labels"] = "set_labels"
    image: str
    array: ArrayRef
    kind: Literal["scribbles", "classes", "objects"]
    regions: ArrayRef | None = None
    complete: bool = False


class LabelsChanged(Message):
    """The GUI changed the label (or region) file in place; read the plane again."""

    type: Literal["labels_changed"] = "labels_changed"
    image: str
    index: Index


class RemoveLabels(Message):
    type: Literal["remove_labels"] = "remove_labels"
    image: str


class StartTraining(Message):
    """Start on all images that have labels, or go on (``resume``) where training was."""

    type: Literal["start_training"] = "start_training"
    network: str = "unet"
    arguments: dict[str, Any] = Field(default_factory=dict)
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    """Fields of the preset to override."""
    classes: tuple[ClassInfo, ...]
    start: str = "auto"
    """'random', 'general', or the path of a .unet file."""
    resume: bool = False
    seed: int = 0
    steps: int | None = None
    budget: float | None = None
    validation: Literal["auto", "none"] = "auto"
    device: str = "auto"
    precision: str = "auto"
    checkpoint: str | None = None
    """Path of a .unet file that the engine keeps current while it trains."""


class PauseTraining(Message):
    type: Literal["pause_training"] = "pause_training"


class ResumeTraining(Message):
    type: Literal["resume_training"] = "resume_training"


class StopTraining(Message):
    type: Literal["stop_training"] = "stop_training"


class ResetTraining(Message):
    """Forget the network (the files stay)."""

    type: Literal["reset_training"] = "reset_training"


class Watch(Message):
    """Keep predicting this region while training: float32 (class, *box) is written to ``array``."""

    type: Literal["watch"] = "watch"
    image: str
    index: Index
    box: Box
    array: ArrayRef
    every: float = 3.0
    """Least seconds between two refreshes."""


class Unwatch(Message):
    type: Literal["unwatch"] = "unwatch"


class Predict(Message):
    """Predict planes of an open image into arrays that the GUI allocated.

    ``outputs`` maps 'probability' (float32, leading + class + spatial), 'classes' (uint8),
    'objects' (int32), 'uncertainty' (float32), the last three leading + spatial, to where to write.
    ``indices``: which planes (None = all). Every tile is reported by a ``TileDone``.
    """

    type: Literal["predict"] = "predict"
    job: str
    image: str
    indices: tuple[Index, ...] | None = None
    outputs: dict[str, ArrayRef]
    tile: int | None = None
    rotations: bool = False
    device: str | None = None
    precision: str | None = None
    """Instead of those of the training."""


class Verify(Message):
    """The parity certificate of the newest model on one plane of an open image.

    ``tile``: what Predict image would take. The job's result is the certificate.
    """

    type: Literal["verify"] = "verify"
    job: str
    image: str
    index: Index = ()
    tile: int | None = None


class PredictFiles(Message):
    """Predict files of a folder or glob into a folder, as the command line does."""

    type: Literal["predict_files"] = "predict_files"
    job: str
    images: str
    out: str
    outputs: tuple[str, ...] = ()
    axes: str | None = None
    tile: int | None = None
    rotations: bool = False


class BoundaryWeights(Message):
    """Write the weight map of one labelled plane (float32, spatial) to ``array``."""

    type: Literal["boundary_weights"] = "boundary_weights"
    job: str
    image: str
    index: Index
    array: ArrayRef
    w0: float = 10.0
    sigma: float = 5.0


class DryRun(Message):
    """A few training steps on all labels, thrown away; the result says what a step costs here.

    The fields are those of :class:`StartTraining`; the result is core.dry_run.DryRun as JSON.
    """

    type: Literal["dry_run"] = "dry_run"
    job: str
    network: str = "unet"
    arguments: dict[str, Any] = Field(default_factory=dict)
    preset: str = "live"
    settings: dict[str, Any] = Field(default_factory=dict)
    classes: tuple[ClassInfo, ...]
    device: str = "auto"
    precision: str = "auto"


class Attention(Message):
    """Write the attention coefficients in a part of an image (float32, gate + box) to ``array``."""

    type: Literal["attention"] = "attention"
    job: str
    image: str
    index: Index
    box: Box
    array: ArrayRef


class Cancel(Message):
    type: Literal["cancel"] = "cancel"
    job: str


class SaveModel(Message):
    type: Literal["save_model"] = "save_model"
    job: str
    path: str
    training_state: bool = True


class LoadModel(Message):
    """Load a model to predict with, or to go on training (``StartTraining.resume``)."""

    type: Literal["load_model"] = "load_model"
    job: str
    path: str


class PruneModel(Message):
    """Write a smaller copy of the newest model to ``path``; that model stays as it is.

    ``to``: part of the parameters that stays, such as "10%"; ``budget``: seconds of training on the
    labels in each of ``rounds``. The result holds ``path``, ``curve`` and ``text``, a sentence.
    """

    type: Literal["prune_model"] = "prune_model"
    job: str
    path: str
    to: str = "10%"
    method: Literal["stamp", "random", "largest"] = "stamp"
    rounds: int = 4
    budget: float = 20.0


class Shutdown(Message):
    type: Literal["shutdown"] = "shutdown"


Command = Annotated[
    OpenImage
    | CloseImage
    | SetLabels
    | LabelsChanged
    | RemoveLabels
    | StartTraining
    | PauseTraining
    | ResumeTraining
    | StopTraining
    | ResetTraining
    | Watch
    | Unwatch
    | Predict
    | Verify
    | PredictFiles
    | BoundaryWeights
    | DryRun
    | Inspecting
    | Attention
    | Cancel
    | SaveModel
    | LoadModel
    | PruneModel
    | Shutdown,
    Field(discriminator="type"),
]

# ---------------------------------------------------------------- events


class Ready(Message):
    """The engine is warm: torch is imported and the device chosen."""

    type: Literal["ready"] = "ready"
    pid: int
    device: str
    device_name: str
    precision: str
    torch: str


class TrainingStarted(Message):
    type: Literal["training_started"] = "training_started"
    network: str
    parameters: int
    device: str
    precision: str
    batch: int
    tile: tuple[int, ...]
    step: int = 0
    notes: tuple[str, ...] = ()


class TrainingProgress(Message):
    """At most ten a second; ``losses`` holds (step, loss) of every step since the last one."""

    type: Literal["training_progress"] = "training_progress"
    step: int
    losses: tuple[tuple[int, float], ...]
    seconds: float
    steps_per_second: float
    learning_rate: float
    validation_iou: tuple[float | None, ...] | None = None
    """By class; only when a new validation was made."""


class TrainingPaused(Message):
    type: Literal["training_paused"] = "training_paused"
    step: int


class TrainingResumed(Message):
    type: Literal["training_resumed"] = "training_resumed"
    step: int


class TrainingReset(Message):
    type: Literal["training_reset"] = "training_reset"


class TrainingFinished(Message):
    """The model is kept in the engine (and in the checkpoint file)."""

    type: Literal["training_finished"] = "training_finished"
    step: int
    seconds: float
    reason: str


class TrainingFailed(Message):
    """One sentence for the user, the traceback for the log. The engine is still alive."""

    type: Literal["training_failed"] = "training_failed"
    message: str
    details: str = ""


class NoticeGiven(Message):
    """Something the user should know; nothing stopped. ``image`` names what it is about."""

    type: Literal["notice"] = "notice"
    message: str
    image: str | None = None
    level: Literal["info", "warning"] = "info"


class PreviewReady(Message):
    type: Literal["preview"] = "preview"
    image: str
    index: Index
    box: Box
    step: int


class CheckpointWritten(Message):
    type: Literal["checkpoint"] = "checkpoint"
    path: str
    step: int


class TileDone(Message):
    """What one tile gave. ``output`` and ``input`` may reach outside the image (mirrored there)."""

    type: Literal["tile"] = "tile"
    job: str
    index: Index
    number: int
    total: int
    output: Box
    input: Box
    confidence: float
    entropy: float
    foreground: float
    loss: float | None = None


class JobProgress(Message):
    type: Literal["job_progress"] = "job_progress"
    job: str
    done: int
    total: int
    text: str = ""


class JobFinished(Message):
    type: Literal["job_finished"] = "job_finished"
    job: str
    result: dict[str, Any] = Field(default_factory=dict)


class JobFailed(Message):
    """``cancelled`` is true when the user asked for it."""

    type: Literal["job_failed"] = "job_failed"
    job: str
    message: str
    details: str = ""
    cancelled: bool = False


class EngineDied(Message):
    """Made by the client, never sent: the process ended without being asked to."""

    type: Literal["engine_died"] = "engine_died"
    message: str
    details: str = ""


Event = Annotated[
    Ready
    | TrainingStarted
    | TrainingProgress
    | TrainingPaused
    | TrainingResumed
    | TrainingReset
    | TrainingFinished
    | TrainingFailed
    | NoticeGiven
    | PreviewReady
    | CheckpointWritten
    | SnapshotKept
    | TileDone
    | JobProgress
    | JobFinished
    | JobFailed
    | EngineDied,
    Field(discriminator="type"),
]

COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


def encode(message: Message) -> bytes:
    """One line of UTF-8 JSON with its newline."""
    return message.model_dump_json().encode() + b"\n"
