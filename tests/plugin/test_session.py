"""Images and labels: what is painted reaches engine and journal."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QSpinBox

from napari_unet.engine.protocol import JobFailed, JobFinished
from napari_unet.errors import UserError
from napari_unet.plugin import session as session_module
from napari_unet.plugin.derived import find
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.plugin.state import Job
from napari_unet.plugin.train_section import TrainSection
from napari_unet.project.project import Project


def test_new_labels_lie_on_the_image_and_are_told_to_the_engine(session: Any, image: Any) -> None:
    layer = session.viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    one = session.new_labels(session.use_image(layer))
    np.testing.assert_allclose(one.layer.scale, (0.5, 0.5))
    np.testing.assert_allclose(one.layer.translate, (3, 4))
    assert one.layer.name == "cells: labels"
    assert one.layer.metadata["napari_unet"] == {
        "image": "cells",
        "role": "labels",
        "kind": "scribbles",
    }
    [opened] = session.engine.of("open_image")
    [labels] = session.engine.of("set_labels")
    assert (opened.axes, opened.spacing) == ("yx", (0.5, 0.5))
    assert (labels.image, labels.kind, labels.complete) == (opened.id, "scribbles", False)
    np.testing.assert_array_equal(session.engine.arrays[opened.array.path], image)


def test_a_stroke_is_in_the_journal_and_in_the_engines_file_when_it_ends(
    session: Session, entry: Any, paint: Callable[..., None]
) -> None:
    one = session.new_labels(entry)
    paint(one.layer, (slice(3, 9), slice(5, 20)), 2)
    assert (session.engine.arrays[one.ref.path][3:9, 5:20] == 2).all()
    assert session.engine.of("labels_changed")[-1].index == ()
    assert session.project.project is not None
    np.testing.assert_array_equal(session.project.project.labels(one.project_id), one.layer.data)


def test_undo_reaches_the_engine_too(
    session: Session, entry: Any, paint: Callable[..., None]
) -> None:
    one = session.new_labels(entry)
    paint(one.layer, (slice(3, 9), slice(5, 20)), 2)
    one.layer.undo()
    session.flush()
    assert not one.sent.any()
    assert not session.project.project.labels(one.project_id).any()


def test_a_stack_sends_the_plane_that_was_painted(session: Session) -> None:
    layer = session.viewer.add_image(np.zeros((4, 32, 40), np.uint16), name="stack")
    one = session.new_labels(session.use_image(layer))
    session.viewer.dims.set_current_step(0, 2)
    one.layer.data_setitem((np.array([2]), np.array([5]), np.array([6])), 1)
    session.flush()
    assert [c.index for c in session.engine.of("labels_changed")] == [(2,)]
    assert one.sent[2, 5, 6] == 1


def test_rgb_and_dask_images_are_spooled(session: Session) -> None:
    rgb = session.viewer.add_image(np.zeros((40, 50, 3), np.uint8), name="rgb")
    entry = session.use_image(rgb)
    assert (entry.image.axes, entry.image.channels, entry.shape) == ("yxc", 3, (40, 50))
    lazy = da.random.random((3, 20, 30), chunks=(1, 20, 30)).astype(np.float32)
    other = session.use_image(session.viewer.add_image(lazy, name="lazy"))
    session.new_labels(other)
    for _ in range(200):
        session.tick()
        if other.ready:
            break
        __import__("time").sleep(0.01)
    np.testing.assert_array_equal(session.engine.arrays[other.ref.path], lazy.compute())


def test_labels_of_another_size_are_explained(session: Session, entry: Any) -> None:
    wrong = session.viewer.add_labels(np.zeros((10, 10), int))
    with pytest.raises(UserError, match="10 x 10"):
        session.use_labels(entry, wrong, "classes")


def test_a_0_255_mask_becomes_classes_with_a_note(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    mask = np.zeros(entry.shape, np.uint8)
    mask[10:30, 10:30] = 255
    one = session.use_labels(entry, session.viewer.add_labels(mask), "classes")
    assert set(np.unique(one.layer.data)) == {0, 1}
    assert any("255" in text for _, text in told)


def test_a_binary_mask_becomes_objects_with_a_note(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    mask = np.zeros(entry.shape, np.uint8)
    mask[2:10, 2:10] = mask[30:40, 30:40] = 1
    one = session.use_labels(entry, session.viewer.add_labels(mask), "objects")
    assert set(np.unique(one.layer.data)) == {0, 1, 2}
    assert told


def test_a_float_image_is_refused_as_labels(session: Session, entry: Any) -> None:
    layer = session.viewer.add_image(np.random.default_rng(1).random(entry.shape))
    with pytest.raises(UserError):
        session.use_labels(entry, layer, "classes")


def test_marking_a_region_reaches_the_engine(session: Session, entry: Any) -> None:
    one = session.new_labels(entry)
    session.mark_complete(entry, ((10, 20), (30, 50)))
    assert one.regions[10:20, 30:50].all()
    assert one.regions.sum() == 10 * 20
    kept = session.project.project.labels(one.regions_project_id)
    np.testing.assert_array_equal(kept, one.regions)


def test_classes_keep_colours_in_all_layers(session: Session, entry: Any) -> None:
    one = session.new_labels(entry)
    session.add_class("vessel")
    session.rename_class(2, color="#123456")
    assert [c.name for c in session.classes][2] == "vessel"
    np.testing.assert_allclose(
        one.layer.colormap.color_dict[3][:3], np.array([0x12, 0x34, 0x56]) / 255, atol=1e-6
    )
    session.pick_class(2)
    assert one.layer.selected_label == 3


def test_the_engine_is_told_what_classes_are_called(session: Session, engine: Any) -> None:
    session.start_engine()
    session.add_class("vessel")
    session.rename_class(2, name="artery", color="#123456")
    told = engine.of("set_classes")
    assert [[c.name for c in one.classes][2:] for one in told] == [["vessel"], ["artery"]]
    assert told[-1].classes[2].color == "#123456"


def test_removing_the_image_forgets_it(session: Session, entry: Any) -> None:
    session.new_labels(entry)
    session.viewer.layers.remove(entry.layer)
    assert not session.images
    assert not session.labels
    assert session.engine.of("close_image")


def test_closing_keeps_the_last_stroke_and_ends_the_engine(
    session: Session, entry: Any, paint: Callable[..., None]
) -> None:
    one = session.new_labels(entry)
    folder = session.project.project.folder
    one.layer.data[40:50, 40:50] = 1  # not even announced by napari
    one.dirty.add(())
    session.close()
    assert session.engine.closed
    with Project.open(folder) as project:
        assert (project.labels(one.project_id)[40:50, 40:50] == 1).all()


def test_find_knows_only_our_layers(session: Session, entry: Any) -> None:
    assert find(session.viewer, entry, "prediction") is None


def test_a_closed_session_is_let_go_by_its_viewer(engine: Any) -> None:
    viewer = ViewerModel()

    def work() -> weakref.ref[Session]:
        session = Session(viewer, engine=engine)
        session.new_labels(session.use_image(viewer.add_image(np.zeros((40, 50), np.uint8))))
        session.close()
        return weakref.ref(session)

    known = work()
    gc.collect()
    assert known() is None


def test_a_fault_in_one_event_does_not_lose_the_others(
    session: Session, told: list[tuple[str, str]]
) -> None:
    def full(_: Any) -> None:
        raise UserError("The disk is full.")

    def broken(_: Any) -> None:
        raise KeyError("gone")

    for name, answered in (("a", full), ("b", broken), ("c", None)):
        session.jobs[name] = Job(name, f"Job {name}", answered=answered)
        session.engine.events.append(JobFinished(job=name))
    changes: list[int] = []
    session.jobs_changed.connect(lambda: changes.append(len(session.jobs)))
    session.tick()
    assert not session.jobs
    assert changes == [2, 1, 0]
    assert told[0] == ("error", "The disk is full.")
    assert "KeyError" in told[1][1]
    assert told[2] == ("info", "Job c: done.")


def test_a_refused_job_leaves_no_progress(session: Session) -> None:
    reasons: list[str] = []
    changes: list[int] = []
    session.jobs_changed.connect(lambda: changes.append(len(session.jobs)))
    session.jobs["a"] = Job("a", "Job a", refused=reasons.append)
    session.engine.events.append(JobFailed(job="a", message="cancelled", cancelled=True))
    session.tick()
    session.jobs["b"] = Job("b", "Job b", refused=reasons.append)
    session.drop_job("b")
    assert reasons == ["cancelled", "Job b was cancelled."]
    assert changes == [0, 0]


def test_a_reopened_project_predicts_as_its_recipe_says(session: Session, engine: Any) -> None:
    layer = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="a")
    session.new_labels(session.use_image(layer))
    assert not session.rotations
    session.use_preset("strokes")
    session.tick()
    folder = session.project.project.folder
    session.project.close()
    again = Session(ViewerModel(), engine=engine)
    open_project(again, folder)
    assert (again.preset, again.rotations) == ("strokes", True)
    again.close()


def test_what_was_chosen_is_kept_without_training(
    session: Session,
    engine: Any,
    told: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="a")
    session.new_labels(session.use_image(layer))
    session.network, session.settings, session.seed = "lunet", {"arguments": {"depth": 2}}, 7
    session.tick()
    project = session.project.project
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(project, "update_settings", lambda **values: written.append(values))
    session.tick()
    assert written == []
    session.settings["arguments"]["depth"] = 3  # in place, and the disk is full by now

    def full(**_: Any) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(project, "update_settings", full)
    session.tick()
    session.tick()
    assert told.count(("error", "The disk is full.")) == 1
    folder = project.folder
    session.project.close()
    again = Session(ViewerModel(), engine=engine)
    open_project(again, folder)
    assert (again.network, again.settings, again.seed) == ("lunet", {"arguments": {"depth": 2}}, 7)
    again.close()


def test_the_seed_of_a_reopened_project_is_shown(session: Session, engine: Any, qtbot: Any) -> None:
    layer = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="a")
    session.new_labels(session.use_image(layer))
    session.seed = 7
    session.tick()
    folder = session.project.project.folder
    session.project.close()
    again = Session(ViewerModel(), engine=engine)
    section = TrainSection(again)
    qtbot.addWidget(section)
    open_project(again, folder)
    assert section.findChild(QSpinBox, "setting_seed").value() == 7
    again.close()


def test_a_project_that_opens_half_way_keeps_its_settings(
    session: Session, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = session.viewer.add_image(np.zeros((40, 50), np.uint8), name="a")
    session.new_labels(session.use_image(layer))
    session.network = "lunet"
    session.tick()
    folder = session.project.project.folder
    session.project.close()
    again = Session(ViewerModel(), engine=engine)

    def fault(*_: Any) -> None:
        raise RuntimeError("no room on the graphics card")

    monkeypatch.setattr(Project, "open_image", fault)
    with pytest.raises(RuntimeError, match="no room"):
        open_project(again, folder)
    again.tick()
    again.close()
    with Project.open(folder) as project:
        assert project.settings["network"] == "lunet"


def test_a_full_disk_at_the_end_lets_engine_and_project_go(
    session: Session, entry: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.new_labels(entry)
    project = session.project.project
    session.training.losses.append((1, 0.5))

    def full(*_: Any) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(project, "save_curves", full)
    session.close()
    assert engine.closed
    Project.open(project.folder).close()


def test_without_the_main_dock_napari_says_what_went_wrong(
    session: Session, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []
    for level in ("warning", "error"):
        monkeypatch.setattr(
            session_module.notifications,
            f"show_{level}",
            lambda text, level=level: shown.append((level, text)),
        )
    session.tell("error", "There is no model yet.")
    assert not shown  # the main dock does
    session.told.disconnect()
    for level in ("info", "warning", "error"):
        session.tell(level, f"a sentence: {level}")
    assert shown == [("warning", "a sentence: warning"), ("error", "a sentence: error")]
    assert session.viewer.status == "a sentence: error"
