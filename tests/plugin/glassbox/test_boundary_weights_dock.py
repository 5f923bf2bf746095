"""Sliders move the layer, gaps are listed, and training uses what was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget
from superqt import QLabeledDoubleSlider

from napari_unet.annotations.boundary_weights import boundary_weights
from napari_unet.annotations.targets import separate_touching
from napari_unet.plugin import derived
from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors.boundary_weights import ROLE, BoundaryWeightsDock
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


@pytest.fixture
def dock(quiet: Session, qtbot: Any) -> BoundaryWeightsDock:
    made = BoundaryWeightsDock(quiet.viewer)
    quiet.viewer.window.add_dock_widget(made, name="Boundary weights", area="right")
    qtbot.waitUntil(lambda: made.live is not None, timeout=10_000)
    return made


def slider(dock: BoundaryWeightsDock, name: str) -> QLabeledDoubleSlider:
    return dock.findChild(QLabeledDoubleSlider, f"live_{name}")


def test_the_layer_follows_the_sliders(dock: BoundaryWeightsDock, qtbot: Any) -> None:
    session = dock.session
    layer = find(session.viewer, session.current, "boundary weights")
    slider(dock, "balance").setValue(0)
    slider(dock, "w0").setValue(20)
    slider(dock, "sigma").setValue(3)
    # At once, without a wait: how fast it is, benchmarks/live_weights.py measures.
    objects = separate_touching(session.labels[session.current.id].layer.data)
    expected = boundary_weights(objects, 20, 3) + 1
    np.testing.assert_allclose(layer.data, expected, atol=1e-4)
    assert session.settings["w0"] == 20
    assert session.settings["sigma"] == 3
    assert session.settings["balance"] == 0
    slider(dock, "sigma").setValue(18)  # farther than the distances that are kept
    expected = boundary_weights(objects, 20, 18) + 1
    qtbot.waitUntil(lambda: np.allclose(layer.data, expected, atol=1e-3), timeout=10_000)


def test_gaps_are_counted_listed_and_shown(dock: BoundaryWeightsDock) -> None:
    viewer = dock.session.viewer
    summary = dock.findChild(QLabel, "summary")
    table = dock.findChild(QTableWidget, "gaps")
    slider(dock, "sigma").setValue(0.5)
    assert "0 protected" in summary.text()
    assert table.rowCount() == len(dock.gaps) > 3
    viewer.scene.camera.zoom = 1
    table.cellClicked.emit(1, 0)
    assert viewer.scene.camera.center[-2:] == tuple(map(float, dock.unprotected[1].place))
    assert viewer.scene.camera.zoom > 1
    dock.findChild(QPushButton, "use_sigma").click()
    sigma = slider(dock, "sigma").value()
    assert f"{sigma:.1f} px" in dock.findChild(QLabel, "suggestion").text()
    assert len(dock.unprotected) <= 0.1 * len(dock.gaps)
    assert table.rowCount() == len(dock.unprotected)
    assert dock.session.settings["sigma"] == pytest.approx(sigma)


def test_painting_changes_the_map_and_the_list(dock: BoundaryWeightsDock, qtbot: Any) -> None:
    layer = dock.session.labels[dock.session.current.id].layer
    before = len(dock.gaps)
    ids = layer.data.copy()
    rows, columns = np.nonzero(ids > 2)
    layer.data_setitem((rows, columns), 0)
    qtbot.waitUntil(lambda: len(dock.gaps) < before, timeout=10_000)
    layer.undo()
    qtbot.waitUntil(lambda: len(dock.gaps) == before, timeout=10_000)


@pytest.mark.parametrize("gone", ["erased", "layer removed"])
def test_the_map_of_labels_that_are_gone_is_empty(
    dock: BoundaryWeightsDock, qtbot: Any, gone: str
) -> None:
    session = dock.session
    one, layer = session.labels[session.current.id], find(session.viewer, session.current, ROLE)
    labels, kept = one.layer, one.layer.data.copy()
    assert layer.data.max() > 1
    if gone == "erased":
        one.regions[:] = 0
        labels.data = np.zeros_like(kept)
    else:
        session.viewer.layers.remove(labels)
    qtbot.waitUntil(lambda: not layer.data.any(), timeout=10_000)
    assert "labels" in dock.message.text() or "labelled" in dock.message.text()
    if gone == "layer removed":  # and back
        session.viewer.add_layer(labels)
        session.use_labels(session.current, labels, "objects")
    labels.data = kept
    qtbot.waitUntil(lambda: layer.data.max() > 1, timeout=10_000)


def test_a_large_plane_has_its_map_too(
    quiet: Session, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of large planes are shown by levels."""
    monkeypatch.setattr(derived, "is_large", lambda entry: True)
    monkeypatch.setattr(derived, "levels", lambda whole: [whole, whole[::2, ::2]])
    made = BoundaryWeightsDock(quiet.viewer)
    quiet.viewer.window.add_dock_widget(made, name="Boundary weights", area="right")
    qtbot.waitUntil(lambda: made.live is not None, timeout=10_000)
    layer = find(quiet.viewer, quiet.current, ROLE)
    assert layer.multiscale
    assert layer.data[0].max() > 1
    assert made.message.text() == ""


def test_what_cannot_be_shown_is_one_sentence(
    dock: BoundaryWeightsDock, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> None:
        raise ValueError("no gaps")

    monkeypatch.setattr("napari_unet.plugin.inspectors.boundary_weights.measure_gaps", faulty)
    layer = dock.session.labels[dock.session.current.id].layer
    layer.data = np.where(layer.data > 2, 0, layer.data)
    qtbot.waitUntil(lambda: "no gaps" in dock.message.text(), timeout=10_000)


def test_closing_lets_go(dock: BoundaryWeightsDock) -> None:
    frame = dock.parent()
    frame.destroyOnClose()
    assert dock.released
    dock.session.settings_changed.emit()  # nobody is called
