"""Small data sets in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_unet.images.image import Image
from napari_unet.images.normalise import choose_normalisation
from napari_unet.training.data import LabelledImage, TrainingData
from napari_unet.training.presets import Preset, preset
from napari_unet.training.trainer import Trainer

SMALL = {"width": 4, "depth": 2, "padding": "same", "norm": "batch", "dropout": 0.0}


def recipe(**overrides: Any) -> Preset:
    """A recipe that makes a step in milliseconds."""
    arguments = SMALL | overrides.pop("arguments", {})
    return preset(
        "live", **({"tile": 32, "batch": 2, "warm_up": 0} | overrides), arguments=arguments
    )


def discs(seed: int = 0, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """An image of bright discs, and their ids."""
    generator = np.random.default_rng(seed)
    rows, columns = np.indices((size, size))
    ids = np.zeros((size, size), np.uint8)
    for number in range(1, 7):
        y, x, r = *generator.uniform(6, size - 6, 2), generator.uniform(4, 8)
        ids[(rows - y) ** 2 + (columns - x) ** 2 < r**2] = number
    image = generator.normal(50, 10, (size, size)) + 80 * (ids > 0)
    return image.clip(0, 255).astype(np.uint8), ids


def labelled(
    number: int = 1, kind: str = "classes", complete: bool = True, size: int = 64
) -> list[LabelledImage]:
    made = []
    for n in range(number):
        image, ids = discs(n, size)
        labels = ids if kind == "objects" else (ids > 0).astype(np.uint8)
        if kind == "scribbles":
            labels = labels + 1
            labels[np.random.default_rng(n).random(labels.shape) < 0.7] = 0
        name = f"image{n}"
        made.append(
            LabelledImage(Image(name, image, "yx"), Image(name, labels, "yx"), kind, complete)  # type: ignore[arg-type]
        )
    return made


def data_of(images: list[LabelledImage], w0: float = 10.0) -> TrainingData:
    data = TrainingData(choose_normalisation([one.image for one in images]), w0)
    for one in images:
        data.add(one)
    return data


def make_trainer(images: list[LabelledImage] | None = None, **arguments: Any) -> Trainer:
    images = images or labelled()
    defaults = {"preset": recipe(), "classes": 2, "channels": 1, "device": "cpu"}
    return Trainer(data_of(images), **(defaults | {"precision": "float32"} | arguments))


class StepClock:
    """The training's clock, which no load of the machine moves: each step takes ``step`` seconds,
    everything else nothing, but for what a test adds to ``now``.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, trainer: Trainer, step: float = 0.1
    ) -> None:
        self.now = 0.0
        real = trainer._step

        def timed() -> float:
            self.now += step
            return real()

        monkeypatch.setattr(trainer, "_step", timed)
        for module in ("trainer", "validator"):
            time = SimpleNamespace(perf_counter=lambda: self.now)
            monkeypatch.setattr(f"napari_unet.training.{module}.time", time)
