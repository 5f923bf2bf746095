"""What the docks show: plain values, no widgets, no layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from napari_unet.forecast.points import HeldOutScore

Phase = Literal["idle", "starting", "training", "paused", "stopped", "failed"]


@dataclass
class TrainingState:
    """Where training is. ``losses``: (step, loss); ``points``: scores on what is held out.

    ``run`` names this training, from random weights or a loaded model on.
    """

    phase: Phase = "idle"
    step: int = 0
    seconds: float = 0.0
    speed: float = 0.0
    device: str = ""
    precision: str = ""
    parameters: int = 0
    batch: int = 0
    tile: tuple[int, ...] = ()
    losses: list[tuple[int, float]] = field(default_factory=list)
    points: list[HeldOutScore] = field(default_factory=list)
    checkpoint_step: int | None = None
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    network: str = ""

    @property
    def scores(self) -> list[tuple[int, float, tuple[float | None, ...]]]:
        """(step, seconds, IoU by class)."""
        return [(one.step, one.seconds, one.iou) for one in self.points]

    @property
    def running(self) -> bool:
        """Whether Pause and Stop mean something."""
        return self.phase in ("starting", "training", "paused")

    def curves(self) -> dict[str, Any]:
        """As JSON, for the project."""
        return {
            "losses": self.losses[-20000:],
            "points": [one.to_json() for one in self.points],
            "run": self.run,
            "network": self.network,
            "step": self.step,
            "seconds": self.seconds,
        }

    def load_curves(self, curves: dict[str, Any]) -> None:
        """The inverse of :meth:`curves`."""
        self.losses = [(int(s), float(v)) for s, v in curves.get("losses", [])]
        older = curves.get("scores", [])  # of a project from before there were points
        self.points = [HeldOutScore(int(s), float(t), tuple(v)) for s, t, v in older]
        self.points += [HeldOutScore.from_json(one) for one in curves.get("points", [])]
        self.run = str(curves.get("run", self.run))
        self.network = str(curves.get("network", ""))
        self.step = int(curves.get("step", 0))
        self.seconds = float(curves.get("seconds", 0))


@dataclass
class Job:
    """Something the engine was asked for. ``done`` of ``total``; 0 of 0 = unknown."""

    id: str
    what: str
    cancellable: bool = False
    done: int = 0
    total: int = 0
    text: str = ""
    sent: bool = False
    """False while it waits for its image to be read."""
    answered: Callable[[dict[str, Any]], None] | None = None
    """Gets the result, instead of a sentence for the user."""
    refused: Callable[[str], None] | None = None
    """Gets the sentence that says why there is none."""


@dataclass
class TileRow:
    """One overlap tile and what it gave; NaN before it was predicted."""

    index: tuple[int, ...]
    number: int
    output: tuple[tuple[int, int], ...]
    input: tuple[tuple[int, int], ...]
    confidence: float = float("nan")
    entropy: float = float("nan")
    foreground: float = float("nan")
    loss: float = float("nan")
