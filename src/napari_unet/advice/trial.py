"""A network tried out for a moment, in a process of its own. Free of torch.

A process of its own, because only so its memory is known, and can run out without harm.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

PATIENCE = 180.0
"""Seconds after which a trial is given up."""


class Candidate(BaseModel):
    """What is tried: a network, its arguments, and how much it learns from in a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    arguments: dict[str, Any]
    tile: int
    batch: int
    sigma: float
    channels: int
    classes: int
    size: tuple[int, int]
    """Sides (y, x) of the image that is predicted."""
    device: str
    precision: str


class Measured(BaseModel):
    """Seconds per training step and per image, and the peak of memory of both in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: int
    step_seconds: float
    image_seconds: float
    memory: int
    device: str
    precision: str


@dataclass(frozen=True)
class Trial:
    """What came out; ``failed`` says why nothing did."""

    candidate: Candidate
    measured: Measured | None = None
    failed: str = ""


def try_out(candidate: Candidate, patience: float = PATIENCE) -> Trial:
    """Some steps of training and a prediction; never raises for what a network does."""
    command = [sys.executable, "-m", "napari_unet.advice.dry_run", candidate.model_dump_json()]
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        return Trial(candidate, failed=f"a few steps took more than {patience:g} s")
    if process.returncode < 0:
        return Trial(candidate, failed="it was ended by the system, most likely for its memory")
    try:
        last = process.stdout.splitlines()[-1]
        return Trial(candidate, Measured.model_validate_json(last))
    except (IndexError, ValidationError):
        lines = process.stderr.strip().splitlines()
        return Trial(candidate, failed=lines[-1][:300] if lines else "it ended without a word")
