"""'Make it smaller' in the dock: what it asks of the engine, and the button in a real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialogButtonBox, QFileDialog, QLabel, QSpinBox, QWidget

from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import JobFinished, Ready
from napari_unet.errors import UserError
from napari_unet.model.file import read_header
from napari_unet.plugin import main_dock
from napari_unet.plugin import training_control as control
from napari_unet.plugin.main_dock import MainDock
from napari_unet.plugin.session import Session
from napari_unet.plugin.smaller import SmallerDialog
from napari_unet.pruning.criteria import METHODS
from napari_unet.synthetic import touching_cells


def test_it_needs_a_model(session: Session) -> None:
    with pytest.raises(UserError, match="There is no model yet"):
        control.prune_model(session, "a.unet", 10)


def test_what_the_engine_is_asked_and_what_it_says(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    session.engine.events.append(
        Ready(pid=1, device="cpu", device_name="CPU", precision="float32", torch="2")
    )
    session.tick()
    session.has_model = True
    control.prune_model(session, Path("folder") / "small", 15, "largest")
    [asked] = session.engine.of("prune_model")
    assert asked.method == "largest"
    assert (asked.to, asked.path) == ("15%", str(Path("folder") / "small.unet"))
    assert session.jobs[asked.job].cancellable
    session.engine.events.append(JobFinished(job=asked.job, result={"text": "It is small now."}))
    session.tick()
    assert told[-1] == ("info", "It is small now.")
    assert not session.jobs


@pytest.fixture
def dock(make_napari_viewer: Any, qtbot: Any, tmp_path: Path) -> Iterator[MainDock]:
    viewer = make_napari_viewer(show=True)
    image, _ = touching_cells()
    viewer.add_image(image[:96, :96], name="cells")
    session = Session(viewer, engine=EngineClient(tmp_path / "cache"))
    session.settings = {"tile": 48, "batch": 2, "arguments": {"width": 4, "depth": 2}}
    main_dock._sessions[viewer] = session
    made = main_dock.UNetDock(viewer)
    viewer.window.add_dock_widget(made, name="U-Net", area="right")
    qtbot.waitUntil(lambda: session.engine_was_ready, timeout=60_000)
    yield made
    session.close()


@pytest.mark.window
def test_the_button_writes_a_smaller_model(
    dock: MainDock, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = dock.session
    # Rounds as short as they can be; the user's take 20 seconds each.
    pruned: list[tuple[str, str]] = []
    monkeypatch.setattr(control, "PruneModel", _quick(control.PruneModel, pruned))
    dock.findChild(QWidget, "new_labels").click()
    one = session.labels[session.current.id]
    bright = np.asarray(session.current.layer.data)
    for mask, value in ((bright < np.percentile(bright, 30), 1), (bright > 150, 2)):
        one.layer.data_setitem(np.nonzero(mask), value)
    dock.findChild(QWidget, "train").click()
    qtbot.waitUntil(lambda: session.training.step > 3, timeout=60_000)
    dock.findChild(QWidget, "stop").click()
    qtbot.waitUntil(lambda: session.training.phase == "stopped", timeout=30_000)
    path = tmp_path / "small.unet"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    dock.findChild(QWidget, "make_it_smaller").click()
    asked = dock.findChild(SmallerDialog)
    method = asked.findChild(QComboBox, "smaller_method")
    assert [method.itemText(n) for n in range(method.count())] == list(METHODS)
    assert method.currentText() == "stamp"
    for n, name in enumerate(METHODS):
        method.setCurrentText(name)
        tip = method.itemData(n, Qt.ItemDataRole.ToolTipRole)
        assert tip == method.toolTip() == asked.findChild(QLabel, "smaller_about").text()
    asked.findChild(QSpinBox, "smaller_percent").setValue(30)
    asked.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).click()
    assert pruned == [("30%", "largest")]
    qtbot.waitUntil(path.exists, timeout=60_000)
    qtbot.waitUntil(lambda: not session.jobs, timeout=20_000)
    assert read_header(path).arguments["widths"]


def _quick(command: Any, pruned: list[tuple[str, str]]) -> Any:
    def make(**fields: Any) -> Any:
        pruned.append((fields["to"], fields["method"]))
        return command(**fields, rounds=1, budget=0.5)

    return make
