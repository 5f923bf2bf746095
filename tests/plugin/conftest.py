"""A session on a ViewerModel with an engine that only writes down what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.engine.protocol import ArrayRef
from napari_unet.plugin.session import Session


class FakeEngine:
    """Takes the place of EngineClient: no process, arrays in memory, events made by the test."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.events: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.alive = False
        self.restarts = self.allocated = 0
        self.closed = False

    def start(self) -> None:
        self.alive = True

    def restart(self) -> None:
        self.alive = True
        self.restarts += 1

    def send(self, command: Any) -> None:
        self.sent.append(command)

    def poll(self) -> list[Any]:
        events, self.events = self.events, []
        return events

    def allocate(self, shape: Any, dtype: Any) -> tuple[ArrayRef, np.ndarray]:
        self.allocated += 1
        ref = ArrayRef(kind="npy", path=f"array-{self.allocated}")
        self.arrays[ref.path] = np.zeros(tuple(shape), dtype)
        return ref, self.arrays[ref.path]

    def release(self, ref: ArrayRef) -> None:
        self.arrays.pop(ref.path)

    def close(self, timeout: float = 0) -> None:
        self.closed, self.alive = True, False

    def of(self, kind: str) -> list[Any]:
        """Commands of one type, in order."""
        return [c for c in self.sent if c.type == kind]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Untitled projects of tests stay out of the user's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(
        "napari_unet.project.untitled.user_data_dir", lambda *a, **k: str(tmp_path / "data")
    )
    return tmp_path / "data"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def session(engine: FakeEngine, told: list[tuple[str, str]]) -> Iterator[Session]:
    made = Session(ViewerModel(), engine=engine)  # type: ignore[arg-type]
    made.told.connect(lambda level, text: told.append((level, text)))
    yield made
    made.close()


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (64, 80)).astype(np.uint8)


@pytest.fixture
def entry(session: Session, image: np.ndarray) -> Any:
    return session.use_image(session.viewer.add_image(image, name="cells"))


@pytest.fixture
def paint(session: Session) -> Callable[..., None]:
    """Paint as the brush does: one undoable stroke."""

    def stroke(layer: Any, place: tuple[slice, ...], value: int) -> None:
        grid = np.meshgrid(*(np.arange(s.start, s.stop) for s in place), indexing="ij")
        layer.data_setitem(tuple(g.ravel() for g in grid), value)
        session.flush()

    return stroke
