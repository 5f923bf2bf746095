"""A real window with touching cells that are fully labelled, for the inspectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.session import Session
from napari_unet.synthetic import touching_cells

SMALL = {"tile": 64, "batch": 2, "arguments": {"width": 4, "depth": 2}}


class SilentEngine:
    """For what needs no engine: nothing is started, nothing answers."""

    def __init__(self) -> None:
        self.alive = False
        self.sent: list[Any] = []

    def start(self) -> None:
        self.alive = True

    restart = start

    def send(self, command: Any) -> None:
        self.sent.append(command)

    def poll(self) -> list[Any]:
        return []

    def allocate(self, shape: Any, dtype: Any) -> Any:
        from napari_unet.engine.protocol import ArrayRef

        return ArrayRef(kind="npy", path="nowhere"), np.zeros(tuple(shape), dtype)

    def release(self, ref: Any) -> None:
        pass

    def close(self, timeout: float = 0) -> None:
        self.alive = False


def with_cells(viewer: Any, engine: Any, size: int = 160, number: int = 14) -> Session:
    """A session on an image of cells with all ids, fully annotated."""
    image, objects = touching_cells(size, number)
    session = Session(viewer, engine=engine)
    session.settings = dict(SMALL)
    main_dock._sessions[viewer] = session
    entry = session.use_image(viewer.add_image(image, name="cells"))
    layer = viewer.add_labels(objects.astype(np.int32), name="cells: labels")
    session.use_labels(entry, layer, "objects")
    session.mark_complete(entry, ((0, size), (0, size)))
    session.flush()
    return session


@pytest.fixture
def quiet(make_napari_viewer: Any) -> Iterator[Session]:
    """Without an engine."""
    session = with_cells(make_napari_viewer(show=True), SilentEngine())
    yield session
    main_dock.end_session(session)


@pytest.fixture
def lively(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[Session]:
    """With a real engine that is warm."""
    session = with_cells(make_napari_viewer(show=True), EngineClient(tmp_path / "cache"))
    main_dock.drive(session)
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    yield session
    main_dock.end_session(session)
