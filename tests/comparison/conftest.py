"""Results as runs write them, made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from napari_unet.comparison.records import RunResult, Scored, Settings

NAMES = [f"image{n}" for n in range(6)]


def settings_of(**changed: Any) -> Settings:
    usual: dict[str, Any] = {
        "images": {name: name for name in NAMES},
        "kind": "classes",
        "classes": 2,
        "channels": 1,
        "dims": 2,
        "folds": 2,
        "budget": None,
        "steps": 1,
        "recipe": {"name": "live"},
        "start": "random",
        "seed": 0,
        "device": "cpu",
        "precision": "float32",
    }
    return Settings(**(usual | changed))


def runs_of(
    network: str, values: Sequence[float | None], *, carried: Sequence[float] = (), **more: Any
) -> list[RunResult]:
    """Two runs that tested six images with these IoUs between them."""

    def scored(names: Sequence[str], found: Sequence[float | None]) -> tuple[Scored, ...]:
        return tuple(
            Scored(
                name=n, values={"iou": v, "pixel_error": None if v is None else 1 - v}, seconds=1
            )
            for n, v in zip(names, found, strict=True)
        )

    usual: dict[str, Any] = {
        "arguments": {"width": 16, "depth": 4, "padding": "same", "norm": "batch", "dropout": 0.0}
        if network == "unet"
        else {},
        "parameters": 1000,
        "macs": 10**6,
        "frames_per_second": 10.0,
        "input_size": (256, 256),
        "steps": 1,
        "device_name": "a processor",
        "threads": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "transfer": scored([f"other{n}" for n in range(len(carried))], carried),
    } | more
    return [
        RunResult(network=network, fold=1, test=scored(NAMES[:3], values[:3]), **usual),
        RunResult(network=network, fold=2, test=scored(NAMES[3:], values[3:]), **usual),
    ]


@pytest.fixture
def settings() -> Callable[..., Settings]:
    return settings_of


@pytest.fixture
def runs() -> Callable[..., list[RunResult]]:
    return runs_of
