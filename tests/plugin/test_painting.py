"""What is painted is kept, whatever plane it is on and whatever tool made it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.plugin import painting
from napari_unet.plugin.session import Session


@pytest.fixture
def stack(session: Session) -> Any:
    """Labels of a stack of 6 planes, of which plane 3 is on screen."""
    layer = session.viewer.add_image(np.zeros((6, 32, 40), np.uint8), name="stack")
    one = session.new_labels(session.use_image(layer))
    session.viewer.dims.set_current_step(0, 3)
    session.flush()
    return one


def settle(session: Session) -> None:
    for one in session.labels.values():
        one.touched = 0.0
    session.tick()


def kept(session: Session, one: Any) -> np.ndarray:
    return session.project.project.labels(one.project_id)


def test_a_brush_through_several_planes_is_kept_on_all_of_them(session: Any, stack: Any) -> None:
    stack.layer.n_edit_dimensions = 3
    stack.layer.brush_size = 5
    with stack.layer.block_history():  # as the mouse does: announced when it is in the array
        stack.layer.paint((3, 10, 10), 2)
    assert len({c.index for c in session.engine.of("labels_changed")}) > 1
    np.testing.assert_array_equal(stack.sent, stack.layer.data)
    np.testing.assert_array_equal(kept(session, stack), stack.layer.data)


def test_what_a_script_paints_on_a_plane_that_is_not_shown_is_kept(
    session: Session, stack: Any
) -> None:
    stack.layer.data_setitem((np.array([0, 5]), np.array([4, 5]), np.array([6, 7])), 1)
    settle(session)
    assert stack.sent[0, 4, 6] == stack.sent[5, 5, 7] == 1
    np.testing.assert_array_equal(kept(session, stack), stack.layer.data)


def test_undoing_a_stroke_on_a_plane_that_is_not_shown(session: Session, stack: Any) -> None:
    stack.layer.data_setitem((np.array([0]), np.array([4]), np.array([6])), 1)
    settle(session)
    stack.layer.undo()
    settle(session)
    assert not stack.sent.any()
    stack.layer.redo()
    settle(session)
    assert stack.sent[0, 4, 6] == 1


@pytest.mark.parametrize("tool", ["paint", "fill", "polygon"])
def test_planes_are_read_from_every_kind_of_history(tool: str) -> None:
    layer = ViewerModel().add_labels(np.zeros((4, 20, 20), np.uint8))
    layer.n_edit_dimensions = 3 if tool == "fill" else 2
    atoms: list[Any] = []
    layer.events.paint.connect(lambda e: atoms.extend(e.value))
    if tool == "paint":
        layer.paint((2, 5, 5), 1)
    elif tool == "fill":
        layer.fill((2, 5, 5), 1)
    else:
        layer.paint_polygon([(2, 3, 3), (2, 3, 9), (2, 9, 9)], 1)
    changed = {(int(i),) for i in np.flatnonzero(layer.data.any((1, 2)))}
    assert changed
    assert painting.planes_of(atoms, (4,)) == changed


def test_a_value_without_a_class_gets_one(session: Session, entry: Any) -> None:
    one = session.new_labels(entry)
    one.layer.data_setitem((np.array([5]), np.array([5])), 4)
    session.flush()
    assert len(session.classes) == 4


def test_labels_of_another_size_are_let_go_with_a_warning(
    session: Session, entry: Any, told: list[tuple[str, str]]
) -> None:
    one = session.new_labels(entry)
    one.layer.data = np.zeros((10, 10), np.uint8)
    session.tick()
    assert entry.id not in session.labels
    assert session.engine.of("remove_labels")
    assert told[-1][0] == "warning"
    assert "another size" in told[-1][1]


def test_going_back_to_earlier_labels_keeps_one_record_in_the_project(
    session: Session, entry: Any
) -> None:
    first = session.new_labels(entry)
    session.new_labels(entry)
    first.layer.data_setitem((np.array([5]), np.array([5])), 2)  # while it is not in use
    assert session.use_labels(entry, first.layer, "scribbles") is first
    session.flush()
    assert first.sent[5, 5] == 2
    records = session.project.project.labels_records.values()
    assert sum(r.kind == "scribbles" for r in records) == 2


def test_each_new_object_has_a_number_of_its_own(session: Session, entry: Any) -> None:
    one = session.new_labels(entry, "objects")
    one.layer.data_setitem((np.array([1]), np.array([1])), 4)
    session.pick_class(1)
    assert (one.layer.selected_label, one.layer.mode) == (5, "paint")
    session.pick_class(0)
    assert one.layer.mode == "erase"


def test_removing_the_layer_of_regions_takes_them_back(session: Session, entry: Any) -> None:
    one = session.new_labels(entry)
    session.mark_complete(entry, ((3, 10), (5, 20)))
    assert one.regions.sum() == 7 * 15
    session.viewer.layers.remove(session.regions[entry.id])
    session.tick()
    assert not one.regions.any()


def test_closing_the_window_leaves_the_regions_in_the_project(session: Any, entry: Any) -> None:
    one = session.new_labels(entry)
    session.mark_complete(entry, ((3, 10), (5, 20)))
    session.viewer.layers.clear()  # as napari does before its window closes
    project, regions = session.project.project, one.regions_project_id
    assert project.labels(regions).sum() == 7 * 15
    session.close()
