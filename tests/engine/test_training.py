"""Training in a real engine process, on tiny images."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unet.engine.protocol import (
    JobFailed,
    LabelsChanged,
    LoadModel,
    MoveCheckpoint,
    PauseTraining,
    RemoveLabels,
    ResetTraining,
    ResumeTraining,
    SaveModel,
    StopTraining,
)
from napari_unet.model import file

WHOLE = ((0, 96), (0, 96))


def prepare(engine: Any) -> tuple[str, Any, Any]:
    """An image with strokes; returns id, labels to paint in, and the true mask."""
    image, mask = engine.disks()
    id = engine.open(image)
    return id, engine.label(id, engine.strokes(mask)), mask


def losses(engine: Any) -> list[int]:
    return [step for event in engine.of("training_progress") for step, _ in event.losses]


def test_progress_and_preview(engine: Any) -> None:
    id, _, mask = prepare(engine)
    preview = engine.watch(id, WHOLE)
    engine.start(steps=150)
    started = engine.wait("training_started")
    assert started.network == "unet"
    assert started.step == 0
    first = engine.wait("preview")
    assert (first.image, first.index, first.box) == (id, (), WHOLE)
    assert first.step <= 20
    end = engine.wait("training_finished")
    assert (end.step, end.reason) == (150, "steps")
    assert losses(engine) == list(range(1, 151))
    if engine.of("preview")[-1].step < 150:  # the last model is shown, before or after the end
        engine.wait("preview", lambda event: event.step == 150)
    np.testing.assert_allclose(preview.sum(0), 1, atol=1e-5)
    assert ((preview[1] > 0.5) == mask).mean() > 0.8


def test_events_come_at_most_ten_times_a_second(engine: Any) -> None:
    prepare(engine)
    engine.start()
    engine.wait("training_progress")
    events = [e for e in engine.gather(2) if e.type == "training_progress"]
    assert 2 <= len(events) <= 22
    assert sum(len(event.losses) for event in events) > len(events)


def test_pause_and_resume(engine: Any) -> None:
    id, _, _ = prepare(engine)
    engine.start()
    engine.wait("training_progress", lambda event: event.step >= 5)
    engine.send(PauseTraining())
    step = engine.wait("training_paused").step
    assert not [e for e in engine.gather(0.5) if e.type == "training_progress"]
    preview = engine.watch(id, ((8, 72), (16, 64)))  # looking elsewhere works in a pause too
    assert engine.wait("preview").step == step
    np.testing.assert_allclose(preview.sum(0), 1, atol=1e-5)
    engine.send(ResumeTraining())
    assert engine.wait("training_resumed").step == step
    assert engine.wait("training_progress").losses[0][0] == step + 1


def test_stop_from_a_pause_keeps_the_model(engine: Any, tmp_path: Path) -> None:
    prepare(engine)
    engine.start(checkpoint=str(tmp_path / "model.unet"))
    engine.wait("training_progress", lambda event: event.step >= 3)
    engine.send(PauseTraining())
    step = engine.wait("training_paused").step
    engine.send(StopTraining())
    written = engine.wait("checkpoint")
    assert (Path(written.path), written.step) == (tmp_path / "model.unet", step)
    end = engine.wait("training_finished")
    assert (end.step, end.reason) == (step, "stopped")
    engine.start(resume=True, steps=step + 4)
    assert engine.wait("training_started").step == step
    assert engine.wait("training_finished").step == step + 4
    assert losses(engine) == list(range(1, step + 5))


def test_stop_at_once(engine: Any) -> None:
    prepare(engine)
    engine.start()
    engine.send(StopTraining())
    assert engine.wait("training_finished").reason == "stopped"


def test_new_strokes_on_another_image_are_learnt(engine: Any, tmp_path: Path) -> None:
    prepare(engine)
    image, mask = engine.disks(seed=1)
    second = engine.open(image, name="more disks")
    painted = engine.label(second, np.zeros_like(mask))
    engine.start()
    engine.wait("training_progress", lambda event: event.step >= 2)
    painted[...] = engine.strokes(mask)
    engine.send(LabelsChanged(image=second, index=()))
    engine.send(SaveModel(job="before", path=str(tmp_path / "before.unet")))
    engine.wait("job_finished")
    engine.gather(0.3)
    engine.send(SaveModel(job="after", path=str(tmp_path / "after.unet")))
    engine.wait("job_finished", lambda event: event.job == "after")
    engine.send(StopTraining())
    engine.wait("training_finished")
    engine.send(LoadModel(job="load", path=str(tmp_path / "after.unet")))
    header = engine.wait("job_finished", lambda event: event.job == "load").result["header"]
    assert [one["name"] for one in header["provenance"]["images"]] == ["disks", "more disks"]
    assert all(len(one["sha256"]) == 64 for one in header["provenance"]["images"])
    assert [one["name"] for one in header["classes"]] == ["background", "disk"]
    assert header["label_kind"] == "scribbles"


def test_a_new_plane_of_a_stack_is_learnt(engine: Any) -> None:
    image, mask = engine.disks(64)
    id = engine.open(np.stack([image] * 3), "tyx")
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[1] = engine.strokes(mask)
    painted = engine.label(id, labels)
    preview = engine.watch(id, ((0, 64), (0, 64)), index=(2,))
    engine.start()
    engine.wait("preview")
    np.testing.assert_allclose(preview.sum(0), 1, atol=1e-5)
    painted[0] = 7  # more classes than there are names: the network grows, nothing stops
    engine.send(LabelsChanged(image=id, index=(0,)))
    engine.wait("notice", lambda event: event.image == id)
    step = engine.wait("training_progress").step
    engine.wait("training_progress", lambda event: event.step > step + 3)


def test_erased_labels_make_training_wait(engine: Any) -> None:
    id, painted, mask = prepare(engine)
    engine.start()
    engine.wait("training_progress", lambda event: event.step >= 3)
    painted[...] = 0
    engine.send(LabelsChanged(image=id, index=()))
    engine.gather(0.7)
    assert not [e for e in engine.gather(0.4) if e.type == "training_progress"]
    painted[...] = engine.strokes(mask)
    engine.send(LabelsChanged(image=id, index=()))
    engine.wait("training_progress")
    engine.send(RemoveLabels(image=id))
    engine.gather(0.5)
    engine.send(StopTraining())
    engine.wait("training_finished")
    assert not engine.of("training_failed")


def test_unusable_labels_are_told_once_and_the_old_ones_stay(engine: Any) -> None:
    id, painted, _ = prepare(engine)
    engine.start()
    engine.wait("training_progress")
    painted[40, 40] = 255  # far more classes than there can be
    for _ in range(3):
        engine.send(LabelsChanged(image=id, index=()))
        engine.gather(0.2)
    (notice,) = engine.of("notice")
    assert notice.image == id
    assert notice.level == "warning"
    engine.wait("training_progress")


def test_findings_about_labels_name_their_image(engine: Any) -> None:
    image, mask = engine.disks()
    id = engine.open(image)
    engine.label(id, mask * 255, "classes", complete=True)
    engine.start(steps=1)
    notice = engine.wait("notice")
    assert notice.image == id
    assert "255" in notice.message
    engine.wait("training_finished")


def test_images_of_one_name_are_told_apart(engine: Any) -> None:
    for seed in range(2):
        image, mask = engine.disks(seed=seed)
        engine.label(engine.open(image, name="same"), engine.strokes(mask))
    preview = engine.watch(engine.opened[1], WHOLE)
    engine.start(steps=5)
    assert engine.wait("preview").image == engine.opened[1]
    assert np.isfinite(preview).all()
    engine.wait("training_finished")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"preset": "none"}, "There is no preset 'none'"),
        ({"network": "none"}, "none"),
        ({"settings": {"batch": 0}}, "batch"),
        ({"start": "missing.unet"}, "missing.unet"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    engine: Any, fields: dict[str, Any], sentence: str
) -> None:
    prepare(engine)
    engine.start(**fields)
    failed = engine.wait("training_failed")
    assert sentence in failed.message
    assert failed.details == ""


def test_nothing_is_labelled(engine: Any) -> None:
    engine.start()
    assert "Nothing is labelled" in engine.wait("training_failed").message
    image, mask = engine.disks()
    id = engine.open(image)
    engine.label(id, np.zeros_like(mask))
    engine.start()
    assert "Nothing is labelled" in engine.wait("training_failed").message


def test_save_load_and_go_on(engine: Any, tmp_path: Path) -> None:
    id, _, _ = prepare(engine)
    path = str(tmp_path / "model.unet")
    engine.start(steps=6)
    engine.wait("training_finished")
    engine.send(SaveModel(job="save", path=path))
    engine.wait("job_finished")
    preview = engine.watch(id, WHOLE)
    engine.wait("preview")
    expected = np.array(preview)
    engine.send(LoadModel(job="load", path=path))
    assert engine.wait("job_finished").result["header"]["history"]["steps"] == 6
    engine.wait("preview")  # the loaded model is shown without being asked
    np.testing.assert_allclose(preview, expected, atol=1e-5)
    engine.start(resume=True, steps=8, network="lunet")  # the file says which network it is
    started = engine.wait("training_started")
    assert (started.network, started.step) == ("unet", 6)
    assert engine.wait("training_finished").step == 8


def test_load_while_training_is_refused(engine: Any, tmp_path: Path) -> None:
    prepare(engine)
    engine.start()
    engine.wait("training_progress")
    engine.send(LoadModel(job="load", path=str(tmp_path / "model.unet")))
    failed: JobFailed = engine.wait("job_failed")
    assert "stop" in failed.message.lower()


def test_checkpoint_that_cannot_be_written_does_not_stop_training(
    engine: Any, tmp_path: Path
) -> None:
    prepare(engine)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "somebody's.txt").touch()
    engine.start(steps=3, checkpoint=str(tmp_path / "folder"))
    notice = engine.wait("notice", lambda event: event.level == "warning")
    assert "somebody's.txt" in notice.message
    assert engine.wait("training_finished").step == 3


def test_training_goes_on_while_nobody_listens(engine: Any) -> None:
    prepare(engine)
    engine.start()
    engine.wait("training_progress")
    busy = time.monotonic() + 1.5
    while time.monotonic() < busy:  # a GUI that computes, and does not poll
        sum(range(1000))
    fresh = engine.client.poll()
    assert [event.type for event in fresh] == ["training_progress"]
    assert len(fresh[0].losses) > 1
    engine.seen += fresh
    assert losses(engine) == list(range(1, engine.seen[-1].step + 1))


def test_the_checkpoint_follows_a_project_that_is_saved_under_a_name(
    engine: Any, tmp_path: Path
) -> None:
    prepare(engine)
    first, second = tmp_path / "untitled", tmp_path / "named"
    for folder in (first, second):
        folder.mkdir()
    engine.start(checkpoint=str(first / "model.unet"))
    engine.wait("training_progress", lambda event: event.step >= 3)
    first.rmdir()
    engine.send(MoveCheckpoint(path=str(second / "model.unet")))
    assert engine.wait("checkpoint").path == str(second / "model.unet")
    engine.send(StopTraining())
    step = engine.wait("training_finished").step
    assert file.read_header(second / "model.unet").history.steps == step


@pytest.mark.parametrize("how", ["reset", "anew"])
def test_what_begins_anew_sets_the_model_aside(engine: Any, tmp_path: Path, how: str) -> None:
    prepare(engine)
    model, curves = tmp_path / "model.unet", tmp_path / "curves.json"
    engine.start(steps=3, checkpoint=str(model))
    engine.wait("training_finished")
    curves.write_text("[3]")
    if how == "reset":
        engine.send(ResetTraining(checkpoint=str(model)))
    else:
        engine.start(steps=2, checkpoint=str(model))
    kept = engine.wait("notice", lambda event: "set aside" in event.message).message
    [aside] = (tmp_path / "earlier").glob("*.unet")
    assert aside.name in kept
    assert file.read_header(aside).history.steps == 3
    assert aside.with_suffix(".json").read_text() == "[3]"
    assert not curves.exists()
    if how == "reset":
        engine.wait("training_reset")
        assert not model.exists()
    else:
        engine.wait("training_finished")
        assert file.read_header(model).history.steps == 2


def test_going_on_sets_no_model_aside(engine: Any, tmp_path: Path) -> None:
    prepare(engine)
    model = tmp_path / "model.unet"
    engine.start(steps=2, checkpoint=str(model))
    engine.wait("training_finished")
    engine.start(steps=3, checkpoint=str(model), resume=True)
    assert engine.wait("training_finished").step == 3
    assert not (tmp_path / "earlier").exists()
