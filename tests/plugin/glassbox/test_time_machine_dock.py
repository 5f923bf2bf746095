"""Then and now on the visible plane, wiping, rolling back during training, keeping a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QSlider

from napari_unet.model.file import read_header
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors.time_machine import TimeMachineDock

pytestmark = pytest.mark.window


def test_there_and_back(
    lively: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, entry = lively.viewer, lively.current
    dock = TimeMachineDock(viewer)
    viewer.window.add_dock_widget(dock, name="Time machine", area="right")
    assert "No model" in dock.findChild(QLabel, "when").text()
    assert not dock.findChild(QPushButton, "roll_back").isEnabled()
    lively.settings = {"tile": 96, "batch": 4}
    qtbot.waitUntil(lambda: lively.labels[entry.id].entry.ready, timeout=20_000)
    control.train(lively)
    qtbot.waitUntil(lambda: len(lively.history) >= 2, timeout=120_000)
    moment = dock.findChild(QSlider, "moment")
    assert moment.maximum() >= 1
    assert dock.chosen is lively.history[-1]  # it follows the newest
    moment.setValue(0)
    first = lively.history[0]
    assert f"Step {first.step}," in dock.findChild(QLabel, "when").text()
    qtbot.waitUntil(
        lambda: dock._asked[:1] == (first.path,) and not dock.asker.busy and dock.now is not None,
        timeout=60_000,
    )
    assert dock.chosen.path == first.path  # and stays where it was put
    qtbot.waitUntil(lambda: find(viewer, entry, "prediction") is not None, timeout=60_000)
    layer = find(viewer, entry, "then and now")
    qtbot.waitUntil(lambda: not find(viewer, entry, "prediction").visible, timeout=10_000)
    # Roll back, which ends the training first.
    dock.findChild(QPushButton, "roll_back").click()
    qtbot.waitUntil(lambda: lively.training.step == first.step, timeout=60_000)
    qtbot.waitUntil(lambda: not lively.jobs, timeout=30_000)
    assert not lively.training.running
    assert max(step for step, _ in lively.training.losses) <= first.step
    assert read_header(lively.project.checkpoint).history.steps == first.step
    # Wiping: all of then, all of now.
    wipe = dock.findChild(QSlider, "wipe")
    wipe.setValue(100)
    np.testing.assert_array_equal(layer.data, dock.then)
    wipe.setValue(0)
    np.testing.assert_array_equal(layer.data, dock.now)
    assert "pixels have another class" in dock.findChild(QLabel, "differs").text()
    # What is now is what was then.
    qtbot.waitUntil(lambda: bool((dock.then == dock.now).mean() > 0.999), timeout=30_000)
    control.train(lively)
    qtbot.waitUntil(
        lambda: lively.training.phase == "training" and lively.training.step > first.step,
        timeout=60_000,
    )
    assert lively.training.step < first.step + 200
    control.stop(lively)
    qtbot.waitUntil(lambda: lively.training.phase == "stopped", timeout=60_000)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "early"), "")
    )
    dock.findChild(QPushButton, "keep_model").click()
    qtbot.waitUntil(lambda: "Kept as" in dock.message.text(), timeout=10_000)
    assert read_header(tmp_path / "early.unet").history.steps == dock.chosen.step
    dock.release()
    assert find(viewer, entry, "then and now") is None
    assert find(viewer, entry, "prediction").visible
