"""The Score dock in a real window, by its real widgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_unet.plugin.inspectors.score import ScoreDock
from napari_unet.synthetic import touching_cells

pytestmark = pytest.mark.window


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, no_popups: None) -> Iterator[ScoreDock]:
    """Cells with a missed, a false, a split and a merged one."""
    viewer = make_napari_viewer(show=True)
    _, truth = touching_cells(128, 10, radius=12.0)
    found = truth.copy()
    found[found == 1] = 0
    found[:6, :6] = 77
    left = np.arange(128) < np.argwhere(truth == 2)[:, 1].mean()
    found[(truth == 2) & left] = 78
    found[truth == 4] = 3
    viewer.add_labels(truth, name="truth", scale=(0.5, 0.5), units="micrometer")
    viewer.add_labels(found, name="found", scale=(0.5, 0.5), units="micrometer")
    made = ScoreDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net: Score", area="right")
    yield made
    made.release()
    qtbot.waitUntil(lambda: not made._background.busy, timeout=30_000)


def score(dock: ScoreDock, qtbot: Any) -> None:
    dock.prediction.choose(dock.viewer.layers["found"])
    dock.truth.choose(dock.viewer.layers["truth"])
    qtbot.mouseClick(dock.findChild(QWidget, "score"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock._background.busy and dock.result is not None, timeout=30_000)


def click_row(table: Any, qtbot: Any, row: int) -> None:
    place = table.visualRect(table.model().index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_figures_mistakes_and_going_there(dock: ScoreDock, qtbot: Any) -> None:
    score(dock, qtbot)
    viewer = dock.viewer
    names = [row[0] for row in dock.figures.rows.rows]
    assert {"iou", "ap50", "seg", "splits", "merges"} <= set(names)
    assert [row[0] for row in dock.places.rows.rows] == ["missed", "false", "split", "merged"]
    layer = viewer.layers["truth: errors"]
    np.testing.assert_allclose(layer.scale, (0.5, 0.5))
    assert set(np.unique(layer.data)) == {0, 1, 2, 3, 4}
    click_row(dock.places, qtbot, 1)
    assert layer.selected_label == 2
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (1.25, 1.25))
    # The other way round: what is picked in the layer is the row.
    layer.selected_label = 4
    assert dock.places.current_row == 3
    # A kind that is not ticked is neither listed nor shown.
    dock.findChild(QWidget, "show_missed").click()
    assert [row[0] for row in dock.places.rows.rows] == ["false", "split", "merged"]
    assert layer.colormap.map(np.array([1]))[0, 3] == 0
    assert layer.colormap.map(np.array([2]))[0, 3] == 1
    click_row(dock.places, qtbot, 2)
    assert layer.selected_label == 4


def test_scoring_again_updates_the_same_layer(dock: ScoreDock, qtbot: Any) -> None:
    score(dock, qtbot)
    viewer = dock.viewer
    before = list(viewer.layers)
    viewer.layers["found"].data = viewer.layers["truth"].data.copy()
    dock.result = None
    score(dock, qtbot)
    assert list(viewer.layers) == before
    assert not viewer.layers["truth: errors"].data.any()
    assert dock.places.rows.rowCount() == 0
    assert "No object" in dock.count.text()
    # Without its layer the table says what to do, and scoring makes it anew.
    viewer.layers.remove("truth: errors")
    dock.result = None
    score(dock, qtbot)
    assert "truth: errors" in viewer.layers


def test_wrong_moves_are_one_sentence_each(dock: ScoreDock, qtbot: Any) -> None:
    viewer = dock.viewer
    button = dock.findChild(QWidget, "score")
    button.click()
    assert "Choose a prediction" in dock.message.text()
    dock.prediction.choose(viewer.layers["truth"])
    dock.truth.choose(viewer.layers["truth"])
    button.click()
    assert "same layer" in dock.message.text()
    other = viewer.add_labels(np.zeros((5, 6), int), name="small")
    dock.prediction.choose(other)
    button.click()
    qtbot.waitUntil(lambda: not dock._background.busy, timeout=30_000)
    assert "must be equal" in dock.message.text()
    assert dock.figures.rows.rowCount() == 0


def test_closing_lets_go_of_the_layers(dock: ScoreDock, qtbot: Any) -> None:
    score(dock, qtbot)
    viewer, layer = dock.viewer, dock.layer
    count = len(layer.mouse_drag_callbacks)
    dock.parent().destroyOnClose()
    assert dock.released
    assert len(layer.mouse_drag_callbacks) == count - 1
    layer.selected_label = 3
    viewer.layers.clear()


def test_work_ends_where_the_window_goes_with_the_dock(dock: ScoreDock, qtbot: Any) -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stale: Any) -> Any:
        begun.set()
        for _ in range(1500):
            if stale():
                ended.set()
                return
            time.sleep(0.01)
        yield

    dock._background.start(work)
    assert begun.wait(10)
    dock.deleteLater()  # as Qt does with all of a window, without asking the dock
    qtbot.waitUntil(ended.is_set, timeout=10_000)
