"""Before anybody presses Train: the start weights answer to the first strokes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.derived import find
from napari_unet.plugin.main_dock import MainDock
from napari_unet.plugin.session import Session
from napari_unet.synthetic import touching_cells

pytestmark = pytest.mark.window


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[MainDock]:
    viewer = make_napari_viewer(show=True)
    image, _ = touching_cells()
    viewer.add_image(image[:128, :160], name="cells")
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    yield made
    session.close()


def paint(session: Session, value: int) -> None:
    one = session.labels[session.current.id]
    bright = np.asarray(session.current.layer.data)
    mask = bright > np.percentile(bright, 80) if value == 2 else bright < np.percentile(bright, 30)
    rows, columns = np.nonzero(mask)
    one.layer.data_setitem((rows[::3], columns[::3]), value)


def test_two_strokes_are_answered_without_training(dock: MainDock, qtbot: Any) -> None:
    session = dock.session
    dock.findChild(QCheckBox, "answer_at_once").click()  # off
    dock.findChild(QPushButton, "new_labels").click()
    paint(session, 1)
    paint(session, 2)
    qtbot.wait(500)
    assert find(session.viewer, session.current, "prediction") is None
    dock.findChild(QCheckBox, "answer_at_once").click()
    qtbot.waitUntil(lambda: session.first_answers.shown, timeout=60_000)
    layer = find(session.viewer, session.current, "prediction")
    bright = np.asarray(session.current.layer.data)
    inside = layer.data[bright > np.percentile(bright, 90)]
    outside = layer.data[bright < np.percentile(bright, 20)]
    assert inside.mean() > outside.mean() + 0.5
    assert "press Train" in dock.message.text()
    assert not session.has_model
    assert session.training.phase == "idle"


def test_strokes_of_one_class_ask_nothing(dock: MainDock, qtbot: Any) -> None:
    session = dock.session
    dock.findChild(QPushButton, "new_labels").click()
    paint(session, 2)
    qtbot.wait(1000)
    assert session.first_answers._asked is None
    assert find(session.viewer, session.current, "prediction") is None
