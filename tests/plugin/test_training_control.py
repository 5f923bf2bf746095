"""Train to Reset, previews, crash of the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.engine.protocol import (
    CheckpointWritten,
    EngineDied,
    JobFinished,
    NoticeGiven,
    PreviewReady,
    Ready,
    TrainingFinished,
    TrainingPaused,
    TrainingProgress,
    TrainingStarted,
)
from napari_unet.errors import UserError
from napari_unet.plugin import training_control as control
from napari_unet.plugin.derived import find
from napari_unet.plugin.keep_section import KeepSection
from napari_unet.plugin.session import Session

READY = Ready(pid=1, device="cpu", device_name="CPU", precision="float32", torch="2")
STARTED = TrainingStarted(
    network="unet", parameters=9, device="cpu", precision="float32", batch=4, tile=(64, 64)
)


def progress(step: int, **more: Any) -> TrainingProgress:
    values = {"losses": ((step, 0.5),), "seconds": 1.0, "steps_per_second": 3.0}
    return TrainingProgress(step=step, learning_rate=1e-3, **values, **more)


@pytest.fixture
def labelled(session: Session, entry: Any, paint: Callable[..., None]) -> Any:
    one = session.new_labels(entry)
    paint(one.layer, (slice(0, 20), slice(0, 20)), 1)
    paint(one.layer, (slice(30, 50), slice(30, 50)), 2)
    session.engine.events.append(READY)
    session.tick()
    return one


def test_train_needs_labels(session: Session, entry: Any) -> None:
    with pytest.raises(UserError, match="labels"):
        control.train(session)
    session.new_labels(entry)
    with pytest.raises(UserError, match="painted"):
        control.train(session)


def test_the_whole_way_of_a_training(session: Session, labelled: Any) -> None:
    control.train(session)
    [start] = session.engine.of("start_training")
    assert not start.resume
    assert start.checkpoint.endswith("model.unet")
    assert session.training.phase == "starting"
    session.engine.events += [STARTED, progress(1), progress(2, validation_iou=(0.5, None))]
    session.tick()
    assert session.training.phase == "training"
    assert session.training.losses == [(1, 0.5), (2, 0.5)]
    assert session.training.scores == [(2, 1.0, (0.5, None))]
    control.pause(session)
    session.engine.events.append(TrainingPaused(step=2))
    session.tick()
    assert session.training.phase == "paused"
    control.pause(session)
    assert session.engine.sent[-1].type == "resume_training"
    control.stop(session)
    session.engine.events.append(TrainingFinished(step=2, seconds=2, reason="stopped"))
    session.tick()
    assert session.training.phase == "stopped"
    control.train(session)
    assert session.engine.of("start_training")[-1].resume
    assert session.project.project.curves()["losses"] == [[1, 0.5], [2, 0.5]]


def test_previews_are_written_where_the_user_looks(
    session: Session, labelled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.train(session)
    session.shown |= {"probability", "uncertainty"}
    session.engine.events += [STARTED, progress(1)]
    session.tick()
    session.looking._since = 0.0  # the view has been still for long
    session.tick()
    watch = session.engine.of("watch")[-1]
    assert watch.box == ((0, 64), (0, 80))
    probability = session.engine.arrays[watch.array.path]
    probability[0] = 0.25
    probability[1] = 0.75
    event = PreviewReady(image=watch.image, index=watch.index, box=watch.box, step=1)
    session.engine.events.append(event)
    session.tick()
    entry = labelled.entry
    assert (find(session.viewer, entry, "prediction").data == 1).all()
    np.testing.assert_allclose(find(session.viewer, entry, "probability").data, 0.75)
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) / np.log(2)
    np.testing.assert_allclose(find(session.viewer, entry, "uncertainty").data, expected, rtol=1e-5)
    names = [layer.name for layer in session.viewer.layers]
    assert names.index("cells: labels") > names.index("cells: prediction")
    assert session.viewer.layers.selection.active is labelled.layer


def test_a_killed_engine_is_explained_and_train_goes_on(
    session: Session, labelled: Any, told: list[tuple[str, str]]
) -> None:
    control.train(session)
    session.engine.events += [STARTED, progress(7), CheckpointWritten(path="x", step=7)]
    session.tick()
    before = labelled.layer.data.copy()
    session.engine.events.append(EngineDied(message="The engine was killed."))
    session.tick()
    assert session.training.phase == "failed"
    level, text = told[-1]
    assert level == "error"
    assert "labels are safe" in text
    assert "step 7" in text
    assert session.engine.restarts == 1
    np.testing.assert_array_equal(labelled.layer.data, before)
    control.train(session)
    assert session.engine.of("start_training")[-1].resume


def test_an_engine_that_never_was_ready_is_not_started_again_and_again(session: Session) -> None:
    session.engine.events.append(EngineDied(message="no torch"))
    session.tick()
    assert session.engine.restarts == 0


def test_reset_forgets_model_and_curves_but_no_labels(session: Session, labelled: Any) -> None:
    control.train(session)
    session.engine.events += [STARTED, progress(1)]
    session.tick()
    session.engine.events.append(TrainingFinished(step=1, seconds=1, reason="stopped"))
    session.tick()
    control.reset(session)
    assert not session.has_model
    assert session.training.losses == []
    assert labelled.layer.data.any()
    control.train(session)
    assert not session.engine.of("start_training")[-1].resume


def test_reset_without_an_engine_sets_the_model_aside(
    session: Session, labelled: Any, engine: Any, told: list[tuple[str, str]]
) -> None:
    model = session.project.checkpoint
    assert model is not None
    model.write_bytes(b"the only model")
    session.training.losses, session.has_model = [(1, 0.5)], True
    engine.alive = False
    control.reset(session)
    [kept] = (model.parent / "earlier").glob("*.unet")
    assert kept.read_bytes() == b"the only model"
    assert not session.project.project.has_model
    assert session.project.project.curves() is None
    assert kept.name in told[-1][1]


def test_train_waits_for_the_model_of_the_project(session: Session, labelled: Any) -> None:
    control.load_model(session, "m.unet")
    with pytest.raises(UserError, match="still being loaded"):
        control.train(session)
    assert not session.engine.of("start_training")


def test_notices_name_their_image(
    session: Session, labelled: Any, told: list[tuple[str, str]]
) -> None:
    notice = NoticeGiven(message="The class vessel has no pixels.", image=labelled.entry.id)
    session.engine.events.append(notice)
    session.tick()
    assert told[-1] == ("info", "cells: The class vessel has no pixels.")


def test_save_needs_a_model_and_adds_the_suffix(session: Session, labelled: Any) -> None:
    with pytest.raises(UserError, match="no model"):
        control.save_model(session, "x")
    session.has_model = True
    control.save_model(session, "somewhere/x")
    assert session.engine.of("save_model")[-1].path.endswith("x.unet")


def test_a_loaded_model_brings_its_classes(session: Session) -> None:
    control.load_model(session, "m.unet")
    [job] = session.jobs
    classes = [{"name": n, "color": "#112233"} for n in ("ground", "nucleus", "wall")]
    header = {"classes": classes, "network": "lunet", "history": {"steps": 40}}
    header["preset"] = {"rotations": True}
    session.engine.events.append(JobFinished(job=job, result={"header": header}))
    session.tick()
    assert [c.name for c in session.classes] == ["ground", "nucleus", "wall"]
    assert session.has_model
    assert session.rotations


def test_a_class_more_asks_for_a_larger_preview(session: Session, labelled: Any) -> None:
    control.train(session)
    session.engine.events += [STARTED, progress(1)]
    session.tick()
    session.looking._since = 0.0
    session.tick()
    session.add_class("vessel")
    last = session.engine.of("watch")[-1]
    assert session.engine.arrays[last.array.path].shape[0] == 3


def test_models_go_into_the_project_that_was_saved_under_a_name(
    session: Session, entry: Any, engine: Any, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    session.new_labels(entry)
    keep = KeepSection(session)
    qtbot.addWidget(keep)
    named = tmp_path / "named"
    monkeypatch.setattr(
        "napari_unet.plugin.keep_section.QFileDialog.getSaveFileName", lambda *a: (str(named), "")
    )
    keep._save_project()
    assert [c.path for c in engine.of("move_checkpoint")] == [str(named / "model.unet")]
    assert [c.folder for c in engine.of("keep_history")] == [str(named / "history")]
    keep.release()
