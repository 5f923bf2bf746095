"""Measuring once outside the engine, where a person waits: about a second, and never again."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from napari_unet.errors import UserError
from napari_unet.prediction.device import choose_device
from napari_unet.speed.live import measure_live
from napari_unet.speed.race import Patience

SECONDS = 1.0
LEAST_BUDGET = 30.0
"""Seconds; a shorter training is not worth measuring for."""


def measure_before_training(device: str, precision: str, *, dims: int, budget: float) -> None:
    """Find the fastest way to train the live network, unless it is known or was chosen."""
    if precision != "auto" or dims != 2 or budget < LEAST_BUDGET:
        return
    with contextlib.suppress(UserError):  # an unknown device: whoever uses it says so
        finish(measure_live(choose_device(device), Patience(SECONDS), ("training",)))


def finish(measuring: Generator[None, None, Any]) -> Any:
    """Go through to the end; what the generator returns."""
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value
