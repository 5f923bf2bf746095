"""What the training loop tells: frozen events, free of torch, the same for dock, CLI and Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.evaluation.intervals import ScoreInterval


@dataclass(frozen=True)
class Started:
    """Training is about to make its first step."""

    network: str
    parameters: int
    device: str
    precision: str
    batch: int
    tile: tuple[int, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """The last layer of start weights was fitted: there is an answer before the first step."""

    seconds: float


@dataclass(frozen=True)
class Validation:
    """Intersection over union on held-out regions, by class (None = class absent there).

    ``labelled`` pixels and ``objects`` is what was learnt from at that moment.
    """

    step: int
    seconds: float
    iou: tuple[float | None, ...]
    pixels: int
    interval: ScoreInterval | None = None
    """Of the mean; see :func:`napari_unet.evaluation.intervals.score_interval`."""
    labelled: int = 0
    objects: int = 0

    @property
    def mean(self) -> float | None:
        """Mean over the classes that are present."""
        known = [v for v in self.iou if v is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Progress:
    """One optimiser step was made. ``seconds`` counts training time without pauses."""

    step: int
    loss: float
    seconds: float
    steps_per_second: float
    learning_rate: float
    validation: Validation | None = None


@dataclass(frozen=True)
class Preview:
    """Prediction of a requested region with the averaged weights.

    ``probability`` is float32 (class, *box shape); ``box`` is ((start, stop), ...) by spatial axis.
    """

    image: str
    index: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    step: int
    probability: npt.NDArray[np.float32] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Checkpoint:
    """It is time to keep the model: ``state`` holds what a resumed run needs."""

    step: int
    seconds: float
    state: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Notice:
    """Training went on, but the user should know (batch halved, rolled back, ...)."""

    message: str


@dataclass(frozen=True)
class Finished:
    """Training ended in good order: ``reason`` is 'steps', 'budget' or 'stopped'."""

    step: int
    seconds: float
    reason: str
    validation: Validation | None = None


@dataclass(frozen=True)
class Failed:
    """Training ended because of a fault: one sentence, and details for the log."""

    message: str
    details: str = ""


Event = Started | Fitted | Progress | Preview | Checkpoint | Notice | Finished | Failed
