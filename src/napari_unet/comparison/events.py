"""What a comparison tells while it runs: frozen events, free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unet.comparison.records import RunResult


@dataclass(frozen=True)
class Planned:
    """``runs`` in all, of which ``finished`` were there already; seconds of training to come."""

    networks: tuple[str, ...]
    images: int
    runs: int
    finished: int
    seconds: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Training:
    """Run ``number`` of ``runs`` made a step."""

    network: str
    fold: int
    number: int
    runs: int
    step: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class Ran:
    """A run ended, well or not, and is kept."""

    result: RunResult
    number: int
    runs: int


@dataclass(frozen=True)
class Reported:
    """All is written; ``failed`` runs are tried again when the comparison is repeated."""

    report: Path
    failed: tuple[RunResult, ...] = ()


Event = Planned | Training | Ran | Reported
