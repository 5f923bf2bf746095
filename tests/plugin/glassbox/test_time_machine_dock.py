"""Then and now on the visible plane, wiping, rolling back during training, keeping a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QSlider

from napari_unet.engine.inspecting import SnapshotKept
from napari_unet.engine.protocol import JobFailed, JobFinished, TrainingFinished
from napari_unet.model.file import read_header
from napari_unet.plugin import main_dock
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors.time_machine import TimeMachineDock
from napari_unet.plugin.session import Session
from napari_unet.plugin.showing import show_prediction

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


@pytest.fixture
def silent(make_napari_viewer: Any, engine: Any) -> Iterator[TimeMachineDock]:
    """Two predicted images, one kept model, and an engine that the test answers for."""
    viewer = make_napari_viewer(show=True)
    session = Session(viewer, engine=engine)
    main_dock._sessions[viewer] = session
    background = np.stack([np.ones((40, 50)), np.zeros((40, 50))]).astype(np.float32)
    for name in ("second", "first"):
        entry = session.use_image(viewer.add_image(np.zeros((40, 50), np.uint8), name=name))
        session.open_in_engine(entry)
        show_prediction(session, entry, (), ((0, 40), (0, 50)), background)
    session.engine_was_ready = session.has_model = True
    session.handle(SnapshotKept(path="/nowhere/1.unet", step=1, seconds=1.0))
    made = TimeMachineDock(viewer)
    viewer.window.add_dock_widget(made, name="Time machine", area="right")
    yield made
    main_dock.end_session(session)


def asked(dock: TimeMachineDock, qtbot: Any, image: str) -> Any:
    """The question about an image, once it was put."""
    session = dock.session
    session.use_image(session.viewer.layers[image])
    found: list[Any] = []

    def there() -> bool:
        put = session.engine.of("predict_then")  # type: ignore[attr-defined]
        found[:] = [c for c in put if c.job in session.jobs and c.image == session.current.id]
        return bool(found)

    qtbot.waitUntil(there, timeout=10_000)
    return found[0]


def test_an_image_that_is_left_looks_as_before(silent: TimeMachineDock, qtbot: Any) -> None:
    layers = silent.viewer.layers
    for image, other in (("first", "second"), ("second", "first"), ("first", "second")):
        command = asked(silent, qtbot, image)
        silent.session.handle(JobFinished(job=command.job, result={}))
        assert not layers[f"{image}: prediction"].visible
        assert f"{image}: then and now" in layers
        assert layers[f"{other}: prediction"].visible
        assert f"{other}: then and now" not in layers
    silent.release()
    assert layers["first: prediction"].visible
    assert "first: then and now" not in layers


@pytest.mark.parametrize("how", ["answered", "failed", "closed"])
def test_what_the_engine_wrote_into_is_given_back(
    silent: TimeMachineDock, qtbot: Any, how: str
) -> None:
    command = asked(silent, qtbot, "first")
    arrays = silent.session.engine.arrays  # type: ignore[attr-defined]
    assert command.array.path in arrays
    if how == "closed":
        silent.release()
    if how == "failed":
        silent.session.handle(JobFailed(job=command.job, message="It is no longer kept."))
        assert silent.message.text() == "It is no longer kept."
    else:
        silent.session.handle(JobFinished(job=command.job, result={}))
    assert command.array.path not in arrays


def test_rolling_back_does_not_wait_until_the_dock_is_seen_again(silent: TimeMachineDock) -> None:
    session = silent.session
    session.training.phase = "training"
    silent.findChild(QPushButton, "roll_back").click()
    assert session.engine.of("stop_training")  # type: ignore[attr-defined]
    silent.parentWidget().hide()
    session.handle(TrainingFinished(step=9, seconds=9.0, reason="stopped"))
    assert session.engine.of("load_model")[-1].path == "/nowhere/1.unet"  # type: ignore[attr-defined]
