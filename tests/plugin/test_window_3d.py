"""A journey through a volume in a real napari window, with the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.derived import find
from napari_unet.plugin.main_dock import MainDock
from napari_unet.plugin.session import Session

pytestmark = pytest.mark.window


def balls() -> tuple[np.ndarray, np.ndarray]:
    """Bright ellipsoids in a noisy volume whose voxels are four times longer along z."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices((12, 64, 64))
    truth = np.zeros((12, 64, 64), bool)
    for _ in range(8):
        c = rng.uniform((2, 8, 8), (10, 56, 56))
        truth |= (4 * (z - c[0])) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < 9**2
    return (rng.normal(60, 15, truth.shape) + 90 * truth).clip(0, 255).astype(np.uint8), truth


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[MainDock]:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(balls()[0], name="balls", scale=(4, 1, 1))
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    session.settings = {"tile": 96, "batch": 1, "arguments": {"width": 4, "depth": 2}}
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    yield made
    session.close()


def click(dock: QWidget, name: str) -> None:
    button = dock.findChild(QWidget, name)
    assert button is not None, name
    assert button.isEnabled(), name
    button.click()


def choose(dock: QWidget, name: str, value: Any) -> None:
    combo = dock.findChild(QComboBox, name)
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def test_two_painted_planes_of_a_volume_become_a_3d_prediction(dock: MainDock, qtbot: Any) -> None:
    session, viewer = dock.session, dock.session.viewer
    truth = balls()[1]
    choose(dock, "dims_combo", 3)
    assert session.dims == 3
    assert dock.findChild(QWidget, "setting_depth").value() == 2
    click(dock, "new_labels")
    one = session.labels[session.current.id]
    for z in (4, 7):
        viewer.dims.set_point(0, 4 * z)
        for value, mask in ((1, ~truth[z]), (2, truth[z])):
            rows, columns = np.nonzero(mask)
            place = (np.full(len(rows), z), rows, columns)
            one.layer.data_setitem(tuple(axis[::2] for axis in place), value)
    click(dock, "train")
    qtbot.waitUntil(lambda: find(viewer, session.current, "prediction") is not None, timeout=90_000)
    assert session.training.tile[0] < session.training.tile[1]  # boxes, flat in voxels
    qtbot.waitUntil(lambda: session.training.step >= 40, timeout=120_000)
    viewer.dims.set_point(0, 4 * 9)  # looked at, never painted
    qtbot.waitUntil(
        lambda: bool(find(viewer, session.current, "prediction").data[9].any()), timeout=60_000
    )
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    click(dock, "show_probability")
    click(dock, "predict_image")
    qtbot.waitUntil(lambda: not session.jobs, timeout=90_000)
    found = find(viewer, session.current, "prediction").data > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.5
    assert find(viewer, session.current, "probability").data[0].any()
    click(dock, "show_tiles")
    viewer.dims.ndisplay = 3  # as a volume
    qtbot.wait(300)
    viewer.dims.ndisplay = 2
    choose(dock, "dims_combo", 2)
    assert "press Reset" in dock.message.text()
    assert dock.findChild(QComboBox, "dims_combo").currentData() == 3
    click(dock, "reset")
    choose(dock, "dims_combo", 2)
    assert session.dims == 2


def test_a_network_for_volumes_brings_its_dims(dock: MainDock) -> None:
    choose(dock, "network_combo", "unet3d")
    assert dock.session.dims == 3
    assert dock.findChild(QComboBox, "dims_combo").currentData() == 3
    assert dock.findChild(QWidget, "setting_flat").value() == 2
    choose(dock, "network_combo", "transunet")
    assert dock.session.dims == 2


def test_attention_is_shown_by_clicking(dock: MainDock, qtbot: Any) -> None:
    session = dock.session
    assert not dock.findChild(QWidget, "show_attention").isVisible()
    choose(dock, "network_combo", "attention_unet")
    assert dock.findChild(QWidget, "show_attention").isVisible()
    session.settings = {"tile": 32, "batch": 1, "arguments": {"width": 2, "depth": 3}}
    click(dock, "show_attention")
    assert "no model" in dock.message.text()
    click(dock, "new_labels")
    one = session.labels[session.current.id]
    bright = np.asarray(session.current.layer.data[6]) > 110
    for value, mask in ((1, ~bright), (2, bright)):
        rows, columns = np.nonzero(mask)
        session.viewer.dims.set_point(0, 4 * 6)
        one.layer.data_setitem((np.full(len(rows), 6), rows, columns), value)
    click(dock, "train")
    qtbot.waitUntil(lambda: session.training.step >= 3, timeout=90_000)
    click(dock, "stop")
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    click(dock, "show_attention")
    qtbot.waitUntil(lambda: not session.jobs, timeout=60_000)
    layer = find(session.viewer, session.current, "attention 1:2")
    assert layer is not None, dock.message.text()
    assert 0 < layer.data[6].min() <= layer.data[6].max() < 1
    assert not layer.data[5].any()
