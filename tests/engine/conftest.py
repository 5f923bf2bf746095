"""A real engine process and someone to talk to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import (
    ArrayRef,
    ClassInfo,
    CloseImage,
    Event,
    OpenImage,
    ResetTraining,
    SetLabels,
    StartTraining,
    Unwatch,
    Watch,
)

CLASSES = (ClassInfo(name="background", color="#000000"), ClassInfo(name="disk", color="#ff0000"))
SIDE = 96
PATIENCE = 60.0
"""Seconds to wait for anything before a test fails; far more than it takes."""


def disks(side: int = SIDE, seed: int = 0) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """An image of noisy disks and their mask, 0 and 1."""
    y, x = np.mgrid[:side, :side]
    mask = np.hypot(y % 32 - 16, x % 32 - 16) < 9
    noise = np.random.default_rng(seed).normal(60, 20, (side, side))
    return (mask * 120 + noise).clip(0, 255).astype(np.uint8), mask.astype(np.uint8)


def strokes(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Scribbles on the upper half of a mask."""
    labels = np.zeros_like(mask)
    rows = slice(12, 20)
    labels[rows] = 1 + mask[rows]
    return labels


class Driver:
    """What a GUI does, for tests: sends, waits for events, paints into shared arrays."""

    disks, strokes = staticmethod(disks), staticmethod(strokes)

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        self.seen: list[Event] = []
        self._next = 0
        self.opened: list[str] = []

    def send(self, command: Any) -> None:
        self.client.send(command)

    def wait(self, kind: str, where: Callable[[Any], bool] = lambda event: True) -> Any:
        """The next event of a kind; events before it are skipped (but kept in ``seen``)."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while self._next < len(self.seen):
                event = self.seen[self._next]
                self._next += 1
                if event.type == kind and where(event):
                    return event
            fresh = self.client.poll()
            self.seen += fresh
            if not fresh:
                time.sleep(0.01)
        raise AssertionError(f"no {kind} came; seen: {self.seen[-20:]}; {self.log()}")

    def gather(self, seconds: float) -> list[Event]:
        """What comes in some seconds."""
        end = time.monotonic() + seconds
        start = len(self.seen)
        while time.monotonic() < end:
            self.seen += self.client.poll()
            time.sleep(0.02)
        self._next = len(self.seen)
        return self.seen[start:]

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.seen if event.type == kind]

    def log(self) -> str:
        path = self.client.log_path
        return path.read_text()[-3000:] if path is not None else ""

    def share(self, array: npt.NDArray[Any]) -> tuple[ArrayRef, npt.NDArray[Any]]:
        ref, mapped = self.client.allocate(array.shape, array.dtype)
        mapped[...] = array
        return ref, mapped

    def open(self, image: npt.NDArray[Any], axes: str = "yx", name: str = "disks") -> str:
        id = f"image-{len(self.opened)}"
        self.opened.append(id)
        self.send(OpenImage(id=id, name=name, array=self.share(image)[0], axes=axes))
        return id

    def label(
        self, id: str, labels: npt.NDArray[Any], kind: Any = "scribbles", **more: Any
    ) -> npt.NDArray[Any]:
        """Give an image labels; returns the array to paint in."""
        ref, mapped = self.share(labels)
        self.send(SetLabels(image=id, array=ref, kind=kind, **more))
        return mapped

    def watch(self, id: str, box: Any, index: Any = (), every: float = 0.2) -> npt.NDArray[Any]:
        shape = (2, *(b - a for a, b in box))
        ref, mapped = self.client.allocate(shape, np.float32)
        self.send(Watch(image=id, index=index, box=box, array=ref, every=every))
        return mapped

    def start(self, **fields: Any) -> None:
        """Train a tiny network."""
        values: dict[str, Any] = {
            "arguments": {"width": 4, "depth": 2},
            "settings": {"batch": 2, "tile": 48},
            "classes": CLASSES,
        }
        self.send(StartTraining(**(values | fields)))

    def reset(self) -> None:
        self.send(Unwatch())
        self.send(ResetTraining())
        for id in self.opened:
            self.send(CloseImage(id=id))
        self.wait("training_reset")
        self.opened.clear()


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path_factory.mktemp("cache"))
    client.start()
    Driver(client).wait("ready")
    yield client
    client.close()


@pytest.fixture
def engine(shared_client: EngineClient) -> Iterator[Driver]:
    """A warm engine that knows nothing; shared by the tests of a module."""
    driver = Driver(shared_client)
    yield driver
    assert shared_client.alive, driver.log()
    driver.reset()


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[Driver]:
    """An engine that may be killed."""
    client = EngineClient(tmp_path / "cache")
    client.start()
    yield Driver(client)
    client.close()
