"""A click in the image shows the tile there; a wrong label is found and fixed, with undo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget

from napari_unet.errors import UserError
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors.suspect_list import label_value, pixels_of
from napari_unet.plugin.inspectors.what_a_tile_saw import WhatATileSawDock

pytestmark = pytest.mark.window


class Press:
    """A click of the left button."""

    button, type, handled = 1, "mouse_press", False

    def __init__(self, *position: float) -> None:
        self.position: Any = position


def click(dock: WhatATileSawDock, *position: float) -> None:
    event = Press(*position)
    drag = dock._mouse(dock.viewer, event)
    assert drag is not None
    next(drag)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag)


def test_a_click_and_a_wrong_label(lively: Any, qtbot: Any) -> None:
    viewer, entry = lively.viewer, lively.current
    dock = WhatATileSawDock(viewer)
    viewer.window.add_dock_widget(dock, name="What a tile saw", area="right")
    said: list[str] = []
    lively.told.connect(lambda level, text: said.append(text))
    dock.findChild(QPushButton, "pick_tile").click()
    click(dock, 40.0, 50.0)
    assert any("no model" in text for text in said)
    dock.suspects.title.setText("Looking ...")
    dock.failed(UserError("The engine died."))
    assert dock.suspects.title.text() == ""
    assert dock.message.text() == "The engine died."
    # A cell is forgotten: it is labelled as background.
    layer = lively.labels[entry.id].layer
    sizes = np.bincount(layer.data.ravel())
    cell = int(sizes[1:].argmax()) + 1
    forgotten = layer.data == cell
    layer.data_setitem(np.nonzero(forgotten), 0)
    lively.flush()
    lively.settings = {"tile": 96, "batch": 4}
    qtbot.waitUntil(lambda: lively.labels[entry.id].entry.ready, timeout=20_000)
    control.train(lively)
    qtbot.waitUntil(lambda: lively.training.step >= 25, timeout=120_000)
    control.stop(lively)
    qtbot.waitUntil(lambda: lively.training.phase == "stopped", timeout=60_000)
    click(dock, 40.0, 50.0)
    qtbot.waitUntil(lambda: bool(dock.arrays), timeout=60_000)
    assert dock.point == (40, 50)
    assert "Pixel 40, 50" in dock.findChild(QLabel, "tile_facts").text()
    for role in ("input", "target", "weights", "probability", "loss", "effective"):
        made = find(viewer, entry, f"tile {role}")
        assert made is not None, role
        box = dock.result["input" if role in ("input", "effective") else "output"]
        assert tuple(made.translate) == (box[0][0], box[1][0])
        assert made.data.shape == tuple(b - a for a, b in box)
    assert len(find(viewer, entry, "tile fields").data) == 3
    shown = find(viewer, entry, "tile input").visible
    qtbot.mouseClick(dock.pictures["input"], Qt.MouseButton.LeftButton)
    assert find(viewer, entry, "tile input").visible != shown
    # The forgotten cell is what looks wrong.
    dock.findChild(QPushButton, "find_suspects").click()
    qtbot.waitUntil(
        lambda: "look" in dock.suspects.title.text() and not dock.suspects.asker.busy,
        timeout=60_000,
    )
    assert dock.suspects.suspects, dock.suspects.title.text()
    table = dock.findChild(QTableWidget, "suspects")
    row = next(n for n, s in enumerate(dock.suspects.suspects) if forgotten[tuple(s["place"])])
    place = dock.suspects.suspects[row]["place"]
    table.setCurrentCell(row, 0)
    table.cellClicked.emit(row, 0)
    assert tuple(viewer.scene.camera.center[-2:]) == tuple(map(float, place))
    before = layer.data.copy()
    count = table.rowCount()
    dock.findChild(QPushButton, "fix").click()
    assert layer.data[tuple(place)] > 0
    assert ((layer.data != before) & forgotten).sum() > 20
    assert table.rowCount() == count - 1
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert dock.findChild(QTableWidget, "tiles_by_loss").rowCount() > 0
    dock.release()
    assert dock._mouse not in viewer.mouse_drag_callbacks


def test_what_is_painted_as_an_answer() -> None:
    assert label_value("scribbles", 0, np.zeros(3)) == 1
    assert label_value("classes", 2, np.zeros(3)) == 2
    assert label_value("objects", 1, np.array([4, 7])) == 8
    assert label_value("objects", 0, np.array([4, 7])) == 0
    rows, columns = pixels_of([[3, 1, 3], [4, 0, 1]])
    assert rows.tolist() == [3, 3, 4]
    assert columns.tolist() == [1, 2, 0]
