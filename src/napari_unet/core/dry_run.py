"""A few training steps that are thrown away: what a step costs on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from math import prod
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch

from napari_unet.core.training import make_trainer
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Failed, Progress
from napari_unet.training.trainer import Trainer
from napari_unet.usable_memory import available_memory

STEPS = 4
"""Steps that are measured, behind one that warms up."""
WATCHED = 0.01
"""Seconds between two looks at the memory in use."""
SIDE = 512
"""Side in pixels of the region, at most, that is predicted."""


@dataclass(frozen=True)
class DryRun:
    """What was measured so far; all of it is known when ``done`` == ``total``.

    ``memory`` and ``available`` are bytes on the device: what training took at most beyond what was
    there before, and what was free before. ``megapixel`` is seconds to predict 10^6 pixels.
    """

    done: int
    total: int
    network: str
    parameters: int
    device: str
    precision: str
    batch: int
    tile: tuple[int, ...]
    seconds_per_step: float = 0.0
    memory: int = 0
    available: int = 0
    megapixel: float = 0.0

    @property
    def text(self) -> str:
        """A few lines for a person."""
        tile = " x ".join(map(str, self.tile))
        volumes = len(self.tile) == 3
        small, million = ("voxels", "million voxels") if volumes else ("pixels", "megapixel")
        return (
            f"{self.network} ({self.parameters:,} parameters) on {self.device}, {self.precision}: "
            f"{self.batch} tile(s) of {tile} {small} a step, {self.seconds_per_step:.2f} s a step "
            f"({60 / max(self.seconds_per_step, 1e-9):.0f} a minute), {_bytes(self.memory)} of "
            f"{_bytes(self.available)} free memory; predicting takes {self.megapixel:.1f} s a "
            f"{million}."
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"tile": list(self.tile), "text": self.text}


def measure(
    images: Sequence[LabelledImage],
    *,
    steps: int = STEPS,
    side: int = SIDE,
    watch_memory: bool = True,
    **options: Any,
) -> Iterator[DryRun]:
    """Train for ``steps`` + 1 steps and predict a part, telling after each; nothing is kept.

    That part has at most ``side`` pixels along each axis; its time is that of a second prediction,
    for the first one begins slowly. Without ``watch_memory`` no thread looks at the memory of the
    process: for whoever goes on much later. ``options`` are those of
    :func:`napari_unet.core.training.make_trainer`. Where memory runs out, batch and tile are halved
    as in a real training: those of the last one are what it would pick.

    Raises
    ------
    UserError
        What cannot be trained on, or memory that does not do for the smallest tile.
    """
    memory = _Memory(options.get("device", "auto"))
    with memory if watch_memory else nullcontext():
        trainer = make_trainer(images, **({"validation": "none"} | options))
        memory.watch(trainer.device)
        total = steps + 2
        seconds: list[float] = []
        clock = time.perf_counter()
        for event in trainer.run(steps=steps + 1):
            if isinstance(event, Failed):
                raise UserError(event.message)
            if isinstance(event, Progress):
                _wait(trainer.device)
                seconds.append(time.perf_counter() - clock)
                yield _state(trainer, len(seconds), total, seconds, memory)
            clock = time.perf_counter()
        plane = next(iter(trainer.data.planes.values()))
        box = tuple((0, min(n, side)) for n in plane.shape)
        predictor = trainer.predictor()
        for _ in range(2):
            clock = time.perf_counter()
            predictor.region(plane.read_inside, plane.shape, box)
            _wait(trainer.device)
        megapixel = (time.perf_counter() - clock) * 1e6 / prod(stop for _, stop in box)
        yield _state(trainer, total, total, seconds, memory, megapixel)


def noise(sides: tuple[int, ...], channels: int = 1, classes: int = 2) -> LabelledImage:
    """A picture of nothing, wholly labelled in stripes, to be measured on."""
    pixels = np.random.default_rng(0).integers(0, 255, (*sides, channels), np.uint8)
    labels = (np.indices(sides).sum(0) // 8 % classes).astype(np.uint8)
    return LabelledImage(
        Image("noise", pixels, "yxc"), Image("noise", labels, "yx"), "classes", complete=True
    )


def _state(
    trainer: Trainer,
    done: int,
    total: int,
    seconds: list[float],
    memory: _Memory,
    megapixel: float = 0.0,
) -> DryRun:
    return DryRun(
        done,
        total,
        trainer.preset.network,
        sum(p.numel() for p in trainer.learner.network.parameters()),
        str(trainer.device),
        trainer.precision,
        trainer.batch,
        trainer.tile,
        median(seconds[1:] or seconds),
        memory.taken,
        memory.available,
        megapixel,
    )


def _wait(device: torch.device) -> None:
    """Until what was queued on the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class _Memory:
    """How much memory is taken at most while the block runs: of the process, or of the GPU."""

    def __init__(self, device: str) -> None:
        self._device = torch.device("cpu")
        self._process = psutil.Process()
        self._before = self._peak = int(self._process.memory_info().rss)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self.available = available_memory()

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def watch(self, device: torch.device) -> None:
        """From now on on this device."""
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.available = int(torch.cuda.mem_get_info(device)[0])

    @property
    def taken(self) -> int:
        """Bytes beyond what was taken before, at most so far."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_reserved(self._device))
        if self._device.type == "mps":
            return torch.mps.driver_allocated_memory()
        return max(0, self._peak - self._before)

    def _look(self) -> None:
        while not self._ended.wait(WATCHED):
            self._peak = max(self._peak, int(self._process.memory_info().rss))


def _bytes(number: int) -> str:
    return f"{number / 2**30:.1f} GB" if number >= 2**30 else f"{number / 2**20:.0f} MB"
