"""Whole journeys in a real napari window with the real engine, by clicking the real buttons."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QWidget

from napari_unet.engine.client import EngineClient
from napari_unet.networks import registry
from napari_unet.plugin import main_dock
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import class_layer, find
from napari_unet.plugin.main_dock import MainDock
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.synthetic import touching_cells

pytestmark = pytest.mark.window

SMALL = {"tile": 64, "batch": 2, "arguments": {"width": 4, "depth": 2}}


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[MainDock]:
    """A window with an image of touching cells and the dock, the engine warming up."""
    viewer = make_napari_viewer(show=True)
    image, _ = touching_cells()
    viewer.add_image(image[:128, :160], name="cells")
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    session.settings = dict(SMALL)
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    yield made
    session.close()


def click(dock: QWidget, name: str) -> None:
    """Press a button by its object name, as a mouse would."""
    button = dock.findChild(QWidget, name)
    assert button is not None, name
    assert button.isEnabled(), name
    button.click()


def strokes(session: Session) -> Any:
    """Background along the rim, foreground where the cells are bright."""
    one = session.labels[session.current.id]
    bright = np.asarray(session.current.layer.data)
    high = bright > np.percentile(bright, 80)
    low = bright < np.percentile(bright, 30)
    for mask, value in ((low, 1), (high, 2)):
        rows, columns = np.nonzero(mask)
        one.layer.data_setitem((rows[::3], columns[::3]), value)
    return one


@pytest.fixture
def train(dock: MainDock, qtbot: Any) -> Callable[[], Any]:
    """Make labels, paint, press Train, wait for the first preview."""

    def go() -> Any:
        session = dock.session
        click(dock, "new_labels")
        one = strokes(session)
        click(dock, "train")
        qtbot.waitUntil(
            lambda: find(session.viewer, session.current, "prediction") is not None, timeout=60_000
        )
        return one

    return go


def test_from_strokes_to_a_model_file(
    dock: MainDock, train: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.session
    torch_before = "torch" in sys.modules  # by other tests
    one = train()
    # New strokes enter without a restart, while the network goes on learning.
    one.layer.data_setitem((np.arange(40), np.full(40, 3)), 1)
    qtbot.waitUntil(lambda: bool(one.sent[:40, 3].all()), timeout=20_000)
    step = session.training.step
    qtbot.waitUntil(lambda: session.training.step > step + 3, timeout=60_000)
    assert session.training.losses
    click(dock, "pause")
    qtbot.waitUntil(lambda: session.training.phase == "paused", timeout=20_000)
    click(dock, "pause")
    qtbot.waitUntil(lambda: session.training.phase == "training", timeout=20_000)
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    path = tmp_path / "cells.unet"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    click(dock, "save_model")
    qtbot.waitUntil(path.exists, timeout=20_000)
    click(dock, "show_objects")
    click(dock, "predict_image")
    qtbot.waitUntil(lambda: not session.jobs, timeout=60_000)
    entry = session.current
    assert find(session.viewer, entry, "objects") is not None
    assert dock.results.table.rowCount() == len(session.tiles) > 0
    click(dock, "show_tiles")
    assert find(session.viewer, entry, "tiles") is not None
    dock.results.table.cellClicked.emit(0, 0)
    assert find(session.viewer, entry, "tiles").selected_data
    assert ("torch" in sys.modules) == torch_before
    click(dock, "reset")
    assert not session.has_model
    assert one.layer.data.any()


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in registry.names() if 2 in registry.spec(n).dims])
def test_every_network_is_trained_by_clicking(dock: MainDock, qtbot: Any, name: str) -> None:
    """Chosen in the list, with its own settings for a laptop, from strokes to a preview."""
    session = dock.session
    combo = dock.findChild(QComboBox, "network_combo")
    combo.setCurrentIndex(combo.findData(name))
    combo.activated.emit(combo.currentIndex())
    assert session.network == name
    assert dock.findChild(QWidget, "setting_width").isEnabled()
    click(dock, "new_labels")
    strokes(session)
    click(dock, "train")
    qtbot.waitUntil(lambda: session.training.step >= 3, timeout=120_000)
    qtbot.waitUntil(
        lambda: find(session.viewer, session.current, "prediction") is not None, timeout=120_000
    )
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=60_000)
    click(dock, "predict_image")
    qtbot.waitUntil(lambda: not session.jobs, timeout=120_000)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_engine_loses_neither_labels_nor_the_way_on(
    dock: MainDock, train: Any, qtbot: Any
) -> None:
    session = dock.session
    one = train()
    before = one.layer.data.copy()
    os.kill(session.engine.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.training.phase == "failed", timeout=20_000)
    assert "labels are safe" in dock.message.text()
    np.testing.assert_array_equal(one.layer.data, before)
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    click(dock, "train")
    qtbot.waitUntil(lambda: session.training.phase == "training", timeout=60_000)
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)


def test_a_reset_holds_when_the_project_is_opened_again(
    dock: MainDock, train: Any, qtbot: Any
) -> None:
    session = dock.session
    train()
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    step = session.training.step
    folder = session.project.project.folder
    click(dock, "reset")
    qtbot.waitUntil(lambda: "set aside" in dock.message.text(), timeout=30_000)
    session.project.close()
    session.viewer.layers.clear()
    open_project(session, folder)
    assert not session.has_model
    assert not session.training.losses
    assert dock.findChild(QWidget, "train").text() == "Train"
    [kept] = (folder / "earlier").glob("*.unet")
    control.load_model(session, kept)
    qtbot.waitUntil(lambda: session.has_model, timeout=30_000)
    assert session.training.checkpoint_step == step


def test_wrong_moves_are_one_sentence_each(dock: MainDock) -> None:
    for name, expected in (
        ("train", "Make labels first"),
        ("predict_image", "no model"),
        ("show_tiles", ""),
        ("boundary_weights", "labels"),
    ):
        click(dock, name)
        assert expected in dock.message.text()


def test_a_recipe_brings_its_way_of_predicting(dock: MainDock) -> None:
    combo = dock.findChild(QComboBox, "preset_combo")
    views = dock.findChild(QCheckBox, "average_views")
    for name, averaged in (("strokes", True), ("live", False)):
        combo.setCurrentIndex(combo.findData(name))
        combo.activated.emit(combo.currentIndex())
        assert views.isChecked() == dock.session.rotations == averaged
    views.click()
    assert dock.session.rotations


def test_the_dock_can_be_closed_and_opened_again(dock: MainDock, qtbot: Any) -> None:
    session, viewer = dock.session, dock.session.viewer
    click(dock, "new_labels")
    callbacks = len(viewer.mouse_drag_callbacks)
    frame = dock.parent()
    for _ in range(3):  # what the X in the title does, and the menu
        frame.destroyOnClose()
        assert not dock.isVisible()
        assert len(viewer.mouse_drag_callbacks) == callbacks - 1
        assert not any("Shift" in str(key) for key in viewer.keymap)
        # Without a dock, strokes are kept and the engine is heard.
        session.tell("warning", "nobody sees this")
        dock = main_dock.UNetDock(viewer)
        frame = viewer.window.add_dock_widget(dock, name="U-Net", area="right")
        qtbot.wait(50)
        assert dock.session is session
    assert dock.annotate.labels_combo.currentText() == "cells: labels"
    assert len(viewer.mouse_drag_callbacks) == callbacks
    assert len(viewer.keymap) == len(main_dock.KEYS)


def test_a_sentence_is_on_screen_wherever_the_dock_is_scrolled_to(dock: MainDock) -> None:
    click(dock, "train")
    assert dock.message.isVisible()
    assert dock.message.visibleRegion().boundingRect().height() == dock.message.height()
    click(dock, "new_labels")
    assert not dock.message.isVisible()


def test_unsaved_work_is_offered_at_the_top_and_restored(dock: MainDock, qtbot: Any) -> None:
    assert not dock.restore.isVisible()
    click(dock, "new_labels")
    session = dock.session
    session.labels[session.current.id].layer.data_setitem((np.arange(9), np.arange(9)), 2)
    session.flush()
    session.project.close()
    viewer = session.viewer
    viewer.layers.clear()
    again = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(again, name="again")
    qtbot.waitUntil(again.isVisible)
    assert again.restore.isVisible()
    assert "today" in again.restore.text.text()
    click(again, "restore")
    assert not again.restore.isVisible()
    [one] = session.labels.values()
    assert (one.layer.data[np.arange(9), np.arange(9)] == 2).all()


def test_accepting_with_the_mouse(dock: MainDock, train: Any, qtbot: Any) -> None:
    session = dock.session
    one = train()
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    prediction = find(session.viewer, session.current, "prediction")
    prediction.data[60:90, 60:90] = 1
    one.layer.data_setitem(tuple(np.mgrid[60:90, 60:90].reshape(2, -1)), 0)
    click(dock, "accept_rectangle")

    class Event:
        button, type, handled = 1, "mouse_press", False
        position: Any = (65.0, 65.0)

    event = Event()
    assert dock.results._mouse in session.viewer.mouse_drag_callbacks
    drag = dock.results._mouse(session.viewer, event)
    assert drag is not None
    next(drag)
    event.type, event.position = "mouse_release", (75.0, 75.0)
    with pytest.raises(StopIteration):
        next(drag)
    assert (one.layer.data[65:76, 65:76] == 2).all()
    assert one.layer.data[80, 80] == 0


def test_taking_up_a_brush_ends_accepting(dock: MainDock) -> None:
    session = dock.session
    click(dock, "new_labels")
    class_layer(session.viewer, session.current, session.classes)
    click(dock, "accept_object")
    assert dock.results.accept_object.isChecked()
    session.pick_class(1)

    class Event:
        button, type, position = 1, "mouse_press", (5.0, 5.0)

    assert dock.results._mouse(session.viewer, Event()) is None
    assert not dock.results.accept_object.isChecked()


def test_accepting_without_a_prediction_leaves_no_button_pressed(dock: MainDock) -> None:
    click(dock, "accept_rectangle")
    assert "labels" in dock.message.text()
    assert not dock.results.accept_rectangle.isChecked()


def test_closing_the_window_ends_engine_and_session(dock: MainDock, qtbot: Any) -> None:
    session = dock.session
    click(dock, "new_labels")
    folder = session.project.project.folder
    pid = session.engine.pid
    session.viewer.close()
    qtbot.waitUntil(lambda: session.closed, timeout=10_000)
    assert not session.engine.alive
    assert (folder / "project.json").exists()
    assert pid is not None
    assert session not in main_dock._timers
