"""Scores of a training: keeps what is held out apart, and says what scoring it costs."""

from __future__ import annotations

import time
from typing import Any

from napari_unet.evaluation.intervals import score_interval
from napari_unet.prediction.predictor import Predictor
from napari_unet.training.data import TrainingData
from napari_unet.training.events import Validation
from napari_unet.training.plane import TrainingPlane
from napari_unet.training.state import (
    hold_out_from,
    hold_out_values,
    validation_values,
    validations_from,
)
from napari_unet.training.validation import (
    HoldOut,
    apply_hold_out,
    block_of,
    held_out_tables,
    plan_hold_out,
    pooled,
    work,
)

OFTEN = 10.0
"""Least seconds between two scores."""
SHARE = 20
"""Scoring takes at most one part in so many of the training."""


class Validator:
    """``mode``: "auto" holds out a part of ``data`` at once, "given" leaves what the caller held
    out, "none" is no validation.
    """

    def __init__(self, data: TrainingData, mode: str) -> None:
        self.scores: list[Validation] = []
        self._data = data
        self._plans = mode == "auto"
        self._plan: HoldOut = {}
        self._cost: float | None = None  # seconds of the last one
        self._last = 0.0

    def begin(self, seed: int) -> None:
        """Decide what to hold out of the labels that there are."""
        if self._plans:
            self._plan = plan_hold_out(self._data, seed)
            apply_hold_out(self._data, self._plan)

    def take_in(self, plane: TrainingPlane, seed: int) -> None:
        """A plane has new labels: what is held out stays so, and a new plane gives a block."""
        if self._plans:
            if plane.key not in self._plan:  # never trained on: it can still spare one
                self._plan[plane.key] = block_of(plane, seed)
            apply_hold_out(self._data, {plane.key: self._plan[plane.key]})

    @property
    def active(self) -> bool:
        """Whether anything is held out that can be scored."""
        return any(p.held_out is not None and p.held_out.scored for p in self._data.planes.values())

    @property
    def lacks_labels(self) -> bool:
        """Whether nothing is held out although something should be."""
        return self._plans and not self.active

    def start_clock(self, seconds: float) -> None:
        """Training goes on at ``seconds``: the first score comes a while later."""
        self._last = seconds

    def due(self, seconds: float, takes: float) -> bool:
        """Whether it is time for the next score, which takes some seconds."""
        pause = max(OFTEN, SHARE * takes)
        return self.active and seconds - self._last >= pause

    def expected(self, pace: float, halo: tuple[int, ...]) -> float:
        """Seconds of one score: as last time, or before the first, by the pixels to read.

        ``pace`` is the time that learning takes for a pixel of the input; predicting it takes less
        than a third of that.
        """
        if not self.active:
            return 0.0
        return 0.3 * pace * work(self._data, halo) if self._cost is None else self._cost

    def score(self, predictor: Predictor, classes: int, step: int, seconds: float) -> Validation:
        """Score the network after ``step`` steps and ``seconds``; takes part in the time itself."""
        clock = time.perf_counter()
        tables = held_out_tables(self._data, predictor, classes)
        self._cost = time.perf_counter() - clock
        self._last = seconds + self._cost
        iou, pixels = pooled(tables, classes)
        planes = self._data.planes.values()
        validation = Validation(
            step,
            self._last,
            iou,
            pixels,
            score_interval(tables),
            labelled=int(sum(p.trained.sum() for p in planes)),
            objects=sum(len(p.object_sizes) for p in planes),
        )
        self.scores.append(validation)
        return validation

    def values(self) -> dict[str, Any]:
        """What :meth:`load` needs, JSON-able."""
        return {
            "validations": validation_values(self.scores),
            "hold_out": hold_out_values(self._plan),
        }

    def load(self, values: dict[str, Any]) -> None:
        """What was held out then is held out now, whatever was planned since."""
        self.scores = validations_from(values["validations"])
        if self._plans:
            self._plan |= hold_out_from(values["hold_out"])
            apply_hold_out(self._data, self._plan)
