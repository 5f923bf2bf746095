"""What the engine tells the GUI. Free of torch; ``engine.protocol`` names it too."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_unet.engine.messages import Box, Index, Message


class Ready(Message):
    """The engine is warm: torch is imported and the device chosen."""

    type: Literal["ready"] = "ready"
    pid: int
    device: str
    device_name: str
    precision: str
    torch: str


class NetworkMeasured(Message):
    """What a network costs on this machine as a recipe trains it, by itself on noise.

    ``step`` is seconds of a training step, ``image`` seconds to predict 512 x 512 pixels.
    """

    type: Literal["network_measured"] = "network_measured"
    network: str
    recipe: str
    parameters: int
    step: float
    image: float


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


class ValidationFacts(Message):
    """How sure a score is, and what it was learnt from.

    ``low`` to ``high`` of the mean IoU with 95 % by ``units`` of kind ``unit`` in ``images``
    images; both None where nothing can be said, for ``reason``.
    """

    low: float | None = None
    high: float | None = None
    unit: Literal["image", "plane", "piece"] = "piece"
    units: int = 0
    images: int = 0
    reason: str = ""
    pixels: int = 0
    labelled: int = 0
    objects: int = 0


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
    validation_facts: ValidationFacts | None = None
    """With it."""


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
