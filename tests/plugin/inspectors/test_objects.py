"""The Objects dock in a real window, by its real widgets."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QSpinBox, QWidget

from napari_unet.plugin.derived import write_box
from napari_unet.plugin.inspectors.objects import ObjectsDock
from napari_unet.synthetic import touching_cells

pytestmark = pytest.mark.window

PLACE = {"scale": (0.5, 0.5), "translate": (5.0, 7.0), "units": "micrometer"}


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, no_popups: None) -> Iterator[ObjectsDock]:
    """Two discs that touch and one on the border, as a probability, and their picture."""
    viewer = make_napari_viewer(show=True)
    y, x = np.mgrid[:80, :120]
    mask = (np.hypot(y - 30, x - 30) < 14) | (np.hypot(y - 30, x - 55) < 14)
    mask |= np.hypot(y - 79, x - 100) < 10
    viewer.add_image((mask * 90).astype(np.uint8), name="cells", **PLACE)
    viewer.add_image(np.where(mask, 0.9, 0.1).astype(np.float32), name="likely", **PLACE)
    made = ObjectsDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Objects", area="right")
    yield made
    made.release()
    qtbot.waitUntil(lambda: not made._background.busy, timeout=10_000)


def settle(dock: ObjectsDock, qtbot: Any) -> None:
    """Until the knobs have rested and the objects are there."""
    qtbot.waitUntil(
        lambda: (
            not dock.timer.isActive() and not dock._background.busy and dock.measured is not None
        ),
        timeout=10_000,
    )


def begin(dock: ObjectsDock, qtbot: Any, name: str = "likely") -> None:
    dock.source.choose(dock.viewer.layers[name])
    settle(dock, qtbot)


def method(dock: ObjectsDock, name: str) -> None:
    combo = dock.findChild(QComboBox, "method_combo")
    combo.setCurrentIndex(combo.findData(name))
    combo.activated.emit(combo.currentIndex())


def column(dock: ObjectsDock, heading: str) -> list[Any]:
    model = dock.table.rows
    number = [c[0] for c in model.columns].index(heading)
    return [row[number] for row in model.rows]


def test_knobs_show_their_effect_and_undo_takes_it_back(dock: ObjectsDock, qtbot: Any) -> None:
    begin(dock, qtbot)
    layer = dock.viewer.layers["likely: objects"]
    np.testing.assert_allclose(layer.translate, (5, 7))
    assert layer.data.max() == 2
    assert column(dock, "area (µm²)")[0] == pytest.approx((layer.data == 1).sum() / 4)
    method(dock, "distance")
    settle(dock, qtbot)
    assert layer.data.max() == 3
    for size in range(0, 400, 5):  # dragged: only the last counts
        dock.findChild(QSpinBox, "min_size").setValue(size)
    settle(dock, qtbot)
    assert layer.data.max() == 2
    dock.findChild(QWidget, "drop_border").click()
    settle(dock, qtbot)
    dock.findChild(QWidget, "undo").click()
    settle(dock, qtbot)
    assert not dock.form.drop_border.isChecked()
    dock.findChild(QWidget, "undo").click()
    settle(dock, qtbot)
    assert layer.data.max() == 3
    assert dock.form.min_size.value() == 0
    dock.findChild(QWidget, "undo").click()
    settle(dock, qtbot)
    assert layer.data.max() == 2
    assert not dock.undo.isEnabled()
    dock.findChild(QWidget, "remove").click()
    assert layer not in dock.viewer.layers
    assert dock.table.rows.rowCount() == 0


def test_table_and_layer_are_linked_both_ways(dock: ObjectsDock, qtbot: Any) -> None:
    begin(dock, qtbot)
    layer, table = dock.layer, dock.table
    place = table.visualRect(table.model().index(1, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert layer.selected_label == 2
    y, x = (column(dock, f"centre {a} (µm)")[1] for a in "yx")
    np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], (y, x))
    layer.selected_label = 1
    assert table.current_row == 0
    # Sorted the other way round, the same object is meant.
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    place = table.visualRect(table.model().index(0, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert layer.selected_label == 2

    class Event:
        type, position = "mouse_press", (5 + 15.0, 7 + 15.0)

    layer.mode = "pan_zoom"
    [click] = [c for c in layer.mouse_drag_callbacks if c == dock._link._clicked]
    drag = click(layer, Event())
    next(drag)
    with pytest.raises(StopIteration):
        next(drag)
    assert table.current_row == 0


def test_brightness_and_a_file(
    dock: ObjectsDock, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(dock, qtbot)
    dock.image.choose(dock.viewer.layers["cells"])
    settle(dock, qtbot)
    assert column(dock, "intensity_mean") == [90.0, 90.0]
    path = tmp_path / "cells.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    dock.findChild(QWidget, "export_csv").click()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["area_um2"]) for row in rows] == column(dock, "area (µm²)")
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "no" / "x.csv"), "")
    )
    dock.findChild(QWidget, "export_csv").click()
    assert "could not be saved" in dock.message.text()


def test_labels_are_classes_or_ids_and_corrections_count(dock: ObjectsDock, qtbot: Any) -> None:
    _, ids = touching_cells(128, 10, radius=12.0)
    labels = dock.viewer.add_labels(ids, name="ids")
    begin(dock, qtbot, "ids")
    assert dock.form.method.currentData() == "as they are"
    assert dock.table.rows.rowCount() == 10
    assert dock.form.method.findData("probability") < 0
    with qtbot.waitSignal(dock.timer.timeout, timeout=5000):
        labels.data_setitem(np.nonzero(ids == 3), 0)
    settle(dock, qtbot)
    assert dock.table.rows.rowCount() == 9
    dock.viewer.add_labels((ids > 0).astype(np.uint8), name="mask")
    begin(dock, qtbot, "mask")
    assert dock.form.method.currentData() == "components"
    assert 0 < dock.table.rows.rowCount() < 10


def test_stacks_keep_their_frames_apart(dock: ObjectsDock, qtbot: Any) -> None:
    frame = np.asarray(dock.viewer.layers["likely"].data)
    stack = np.stack([frame * 0, frame, frame])
    dock.viewer.add_image(stack, name="film", axis_labels=("t", "y", "x"))
    dock.viewer.dims.set_point(0, 2)
    begin(dock, qtbot, "film")
    assert column(dock, "t") == [1, 1, 2, 2]
    dock.layer.selected_label = 2
    assert dock.table.current_row == 3
    dock._chosen(0)
    assert dock.viewer.dims.point[0] == 1
    dock.findChild(QWidget, "volume").click()
    settle(dock, qtbot)
    assert dock.table.rows.rowCount() == 2
    assert "volume (px³)" in [c[0] for c in dock.table.rows.columns]


def test_objects_follow_what_is_predicted_anew(
    dock: ObjectsDock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As during training: written into the array, again before the objects are there."""
    stack = np.zeros((3, 80, 120), np.uint8)
    stack[:, 10:30, 10:30] = 1
    predicted = dock.viewer.add_labels(stack, name="predicted")
    begin(dock, qtbot, "predicted")
    made: list[Any] = []
    start = dock._background.start
    monkeypatch.setattr(dock._background, "start", lambda work: (made.append(1), start(work)))
    dock.viewer.dims.set_point(0, 1)  # another plane, nothing is predicted
    qtbot.wait(100)
    assert not dock.timer.isActive()
    for place in (slice(40, 50), slice(60, 70)):
        inside = ((place.start, place.stop), (40, 60))
        write_box(predicted, (1,), inside, np.ones((10, 20), np.uint8))
        qtbot.wait(50)
    qtbot.waitUntil(lambda: len(dock.measured.rows) == 5, timeout=10_000)
    assert len(made) == 1
    # What takes longer than the next prediction is not begun anew for ever.
    monkeypatch.setattr(type(dock._background), "busy", property(lambda _: True))
    write_box(predicted, (1,), ((75, 80), (0, 9)), np.ones((5, 9), np.uint8))
    qtbot.wait(1000)
    assert len(made) == 1
    monkeypatch.undo()
    qtbot.waitUntil(lambda: len(dock.measured.rows) == 6, timeout=10_000)


def test_keeping_and_going_on(dock: ObjectsDock, qtbot: Any) -> None:
    begin(dock, qtbot)
    first = dock.layer
    dock.findChild(QWidget, "keep").click()
    assert first in dock.viewer.layers
    assert first.name.endswith("(kept)")
    before = first.data.copy()
    method(dock, "distance")
    settle(dock, qtbot)
    assert dock.layer is not first
    np.testing.assert_array_equal(first.data, before)


def test_wrong_moves_are_one_sentence_each(dock: ObjectsDock, qtbot: Any) -> None:
    dock.findChild(QWidget, "update").click()
    assert "Choose a prediction" in dock.message.text()
    begin(dock, qtbot)
    small = dock.viewer.add_image(np.zeros((5, 6), np.uint8), name="small")
    dock.image.choose(small)
    qtbot.waitUntil(lambda: "same size" in dock.message.text(), timeout=5000)
    dock.viewer.layers.remove(small)
    dock.viewer.add_image(np.full((9, 9), 40, np.float32), name="no probability")
    dock.source.choose(dock.viewer.layers["no probability"])
    qtbot.waitUntil(lambda: "no probabilities" in dock.message.text(), timeout=5000)


def test_closing_lets_go_of_everything(dock: ObjectsDock, qtbot: Any) -> None:
    begin(dock, qtbot)
    viewer, layer = dock.viewer, dock.layer
    dock.parent().destroyOnClose()
    assert dock.released
    layer.selected_label = 2
    viewer.layers["likely"].data = viewer.layers["likely"].data * 0.5
    viewer.layers.clear()
