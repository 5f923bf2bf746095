"""Predicting an image, tiles, boundary weights, accepting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.engine.protocol import JobFailed, JobFinished, TileDone
from napari_unet.errors import UserError
from napari_unet.plugin import derived, predicting
from napari_unet.plugin.accept import accept_box, accept_object
from napari_unet.plugin.derived import class_layer, find, object_layer
from napari_unet.plugin.session import Session


def test_predicting_needs_a_model(session: Session, entry: Any) -> None:
    with pytest.raises(UserError, match="no model"):
        predicting.predict_image(session, entry)


def test_a_predicted_image_becomes_layers_and_rows(session: Session, entry: Any) -> None:
    session.has_model = True
    session.shown |= {"objects", "probability"}
    job = predicting.predict_image(session, entry)
    [command] = session.engine.of("predict")
    arrays = session.engine.arrays
    assert arrays[command.outputs["probability"].path].shape == (2, 64, 80)
    arrays[command.outputs["classes"].path][:10] = 1
    arrays[command.outputs["objects"].path][:10] = 3
    whole = ((0, 64), (0, 80))
    for number, confidence in ((0, 0.9), (1, 0.6)):
        done = TileDone(
            job=job,
            index=(),
            number=number,
            total=2,
            output=whole,
            input=((-112, 176), (-112, 192)),
            confidence=confidence,
            entropy=0.1,
            foreground=0.2,
        )
        session.engine.events.append(done)
    session.engine.events.append(JobFinished(job=job))
    session.tick()
    assert find(session.viewer, entry, "prediction").data[:10].all()
    assert find(session.viewer, entry, "objects").data.max() == 3
    assert [t.confidence for t in session.tiles.values()] == [0.9, 0.6]
    layer = predicting.show_tiles(session, entry)
    assert len(layer.data) == 4
    assert set(layer.features["part"]) == {"input", "output"}
    predicting.go_to_tile(session, session.tiles[(), 1])
    assert layer.selected_data == {1, 3}


@pytest.mark.parametrize("removed", [False, True])
def test_what_was_shown_tile_by_tile_is_not_copied_again(
    session: Session, entry: Any, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    monkeypatch.setattr(derived, "LARGE", 100)
    copied: list[Any] = []
    put = derived.put
    monkeypatch.setattr(derived, "put", lambda *a: (copied.append(a), put(*a)))
    session.has_model = True
    job = predicting.predict_image(session, entry)
    [command] = session.engine.of("predict")
    session.engine.arrays[command.outputs["classes"].path][...] = 1
    for number, box in enumerate((((0, 64), (0, 40)), ((0, 64), (40, 80)))):
        done = TileDone(
            job=job, index=(), number=number, total=2, output=box, input=box,
            confidence=1, entropy=0, foreground=0,
        )  # fmt: skip
        session.engine.events.append(done)
        session.tick()
        if removed and number == 0:
            session.viewer.layers.remove(find(session.viewer, entry, "prediction"))
    session.engine.events.append(JobFinished(job=job))
    session.tick()
    assert len(copied) == removed
    assert np.asarray(derived.pixels(find(session.viewer, entry, "prediction"))).all()


def test_what_there_is_to_say_of_a_prediction_is_the_last_message(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    session.has_model = True
    job = predicting.predict_image(session, entry)
    about = {"notes": ["Its grey values ..."], "doubtful": True}
    session.engine.events.append(JobFinished(job=job, result=about))
    session.tick()
    assert told[-1] == ("warning", f"{entry.name} is predicted. Its grey values ...")


def test_no_window_pops_up_for_what_is_as_it_should_be(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    session.has_model = True
    job = predicting.predict_image(session, entry)
    about = {"notes": ["It was predicted enlarged."], "doubtful": False}
    session.engine.events.append(JobFinished(job=job, result=about))
    session.tick()
    assert told[-1] == ("info", f"{entry.name} is predicted. It was predicted enlarged.")


def test_own_size_goes_with_every_prediction(session: Session, entry: Any) -> None:
    session.has_model = True
    for wanted in (True, False):
        session.own_size = wanted
        predicting.predict_image(session, entry)
        predicting.predict_folder(session, "images", "out")
        session.looking.look((entry.id, (), ((0, 8), (0, 8))))
        for type in ("predict", "predict_files", "watch"):
            assert session.engine.of(type)[-1].own_size is wanted


def test_a_cancelled_prediction_leaves_no_layer(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    session.has_model = True
    job = predicting.predict_image(session, entry)
    predicting.cancel(session, job)
    assert session.engine.sent[-1].type == "cancel"
    session.engine.events.append(JobFailed(job=job, message="cancelled", cancelled=True))
    session.tick()
    assert find(session.viewer, entry, "prediction") is None
    assert "cancelled" in told[-1][1]
    assert not session.jobs


def test_boundary_weights_become_a_layer(session: Session, entry: Any) -> None:
    with pytest.raises(UserError, match="labels"):
        predicting.show_boundary_weights(session, entry)
    session.new_labels(entry, "objects")
    predicting.show_boundary_weights(session, entry)
    [command] = session.engine.of("boundary_weights")
    assert (command.w0, command.sigma) == (10, 5)
    session.engine.arrays[command.array.path][5, 5] = 8
    session.engine.events.append(JobFinished(job=command.job))
    session.tick()
    assert find(session.viewer, entry, "boundary weights").data[5, 5] == 8


def test_the_plan_is_shown_before_anything_is_predicted(session: Session, entry: Any) -> None:
    layer = predicting.show_tiles(session, entry)
    assert len(layer.data) == 2  # one tile: what it sees and what it predicts
    assert np.isnan(session.tiles[(), 0].confidence)


@pytest.mark.parametrize(("kind", "expected"), [("scribbles", 2), ("classes", 1)])
def test_accepting_a_rectangle_is_undoable_and_spares_what_was_painted(
    session: Session, entry: Any, kind: str, expected: int
) -> None:
    one = session.new_labels(entry, kind)
    prediction = class_layer(session.viewer, entry, session.classes)
    prediction.data[10:20, 10:20] = 1
    one.layer.data_setitem((np.array([12]), np.array([12])), 7)
    before = one.layer.data.copy()
    count = accept_box(one.layer, prediction, one.kind, (), ((5, 15), (10, 20)))
    assert one.layer.data[10, 10] == expected
    assert one.layer.data[12, 12] == 7
    assert one.layer.data[16, 12] == 0
    assert count == (10 * 10 - 1 if kind == "scribbles" else 5 * 10 - 1)
    one.layer.undo()
    np.testing.assert_array_equal(one.layer.data, before)


def test_accepting_an_object_gives_it_a_new_id(session: Session, entry: Any) -> None:
    one = session.new_labels(entry, "objects")
    prediction = class_layer(session.viewer, entry, session.classes)
    prediction.data[10:20, 10:20] = 1
    prediction.data[40:50, 40:50] = 1
    one.layer.data_setitem((np.array([0]), np.array([0])), 5)
    assert accept_object(one.layer, prediction, "objects", (), (45, 45)) == 100
    assert one.layer.data[45, 45] > 5
    assert one.layer.data[15, 15] == 0
    assert accept_object(one.layer, prediction, "objects", (), (0, 30)) == 0


def test_the_probability_has_the_classes_of_the_model(session: Session, entry: Any) -> None:
    session.add_class("named, not painted")
    session.has_model = True
    session.shown.add("probability")
    predicting.predict_image(session, entry)
    [command] = session.engine.of("predict")
    assert session.engine.arrays[command.outputs["probability"].path].shape[0] == 2


def test_tiles_of_a_stack_are_shown_plane_by_plane(session: Session) -> None:
    layer = session.viewer.add_image(np.zeros((3, 64, 80), np.uint8), name="stack")
    entry = session.use_image(layer)
    session.viewer.dims.set_current_step(0, 0)
    for plane in range(3):
        session.viewer.dims.set_current_step(0, plane)
        predicting.show_tiles(session, entry)
    assert sorted(session.tiles) == [((0,), 0), ((1,), 0), ((2,), 0)]
    predicting.go_to_tile(session, session.tiles[(0,), 0])
    assert session.viewer.dims.current_step[0] == 0
    tiles = find(session.viewer, entry, "tiles")
    assert tiles.metadata["napari_unet"]["index"] == (0,)
    assert tiles.data[0][0, 0] == 0
    assert tiles.selected_data == {0, 1}


def test_accepting_objects_takes_the_ids_that_are_on_show(session: Session, entry: Any) -> None:
    one = session.new_labels(entry, "objects")
    objects = object_layer(session.viewer, entry)
    objects.data[10:20, 10:20] = 1
    objects.data[10:20, 20:30] = 2  # touching
    assert accept_box(one.layer, objects, "objects", (), ((0, 64), (0, 80))) == 200
    assert len(np.unique(one.layer.data)) == 3
