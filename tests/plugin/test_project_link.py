"""What the session keeps in a project, and what opening one brings back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import layer_source
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap

from napari_unet.errors import UserError
from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.project.project import Project

CORNER = (slice(0, 4), slice(0, 4))
MIDDLE = (slice(20, 30), slice(20, 30))
BOX = ((0, 16), (0, 16))


@pytest.fixture
def other(engine: Any) -> Iterator[Session]:
    """Another window, in which a project is made."""
    made = Session(ViewerModel(), engine=type(engine)())
    yield made
    made.close()


@pytest.fixture
def folder(other: Session, image: np.ndarray, tmp_path: Path) -> Callable[..., Path]:
    """Make a project with one image and a corner of class 1."""

    def make(**look: Any) -> Path:
        entry = other.use_image(other.viewer.add_image(image, name="b", **look))
        other.new_labels(entry).layer.data_setitem(np.nonzero(np.ones((4, 4))), 1)
        other.flush()
        other.project.save_as(tmp_path / "project")
        other.close()
        return tmp_path / "project"

    return make


def _read(folder: Path) -> dict[str, np.ndarray]:
    """Labels by name of their image."""
    with Project.open(folder) as project:
        return {
            project.images[r.image].name: project.labels(r.id)
            for r in project.labels_records.values()
            if r.kind != "regions"
        }


def test_strokes_on_earlier_images_never_go_into_labels_of_the_opened_project(
    session: Session, entry: Any, paint: Any, folder: Any, told: list[tuple[str, str]]
) -> None:
    one = session.new_labels(entry)
    paint(one.layer, CORNER, 2)
    path = folder()
    open_project(session, path)
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["cells", "cells: labels", "b", "b: labels"]  # each once
    paint(one.layer, MIDDLE, 2)
    session.close()
    kept = _read(path)
    assert np.unique(kept["b"]).tolist() == [0, 1]
    np.testing.assert_array_equal(kept["cells"], one.layer.data)
    assert [text for level, text in told if level == "error"] == []


def test_no_project_is_opened_while_training_runs(session: Session, folder: Any) -> None:
    session.training.phase = "training"
    with pytest.raises(UserError, match="stop it before you open a project"):
        open_project(session, folder())
    session.training.phase = "stopped"


def test_damaged_labels_do_not_keep_the_rest_from_being_opened(
    session: Session, folder: Any, told: list[tuple[str, str]]
) -> None:
    path = folder()
    with Project.open(path) as project:
        second = project.add_image("second", axes="yx", array=np.zeros((8, 8), np.float32))
        project.add_labels(second.id, "scribbles", array=np.ones((8, 8), np.uint8))
        project.update_settings(network="lunet")
    next((path / "labels" / "labels-1").glob("snapshot*")).write_bytes(b"no snapshot")
    open_project(session, path)
    assert any("b: labels cannot be read" in text for _, text in told)
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["b", "second", "second: scribbles"]
    assert session.network == "lunet"


def test_a_colormap_that_is_not_known_any_more_does_not_keep_a_project_closed(
    session: Session, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(colormap=Colormap([[0, 0, 0], [1, 0.3, 0]], name="of another plugin"))
    monkeypatch.delitem(AVAILABLE_COLORMAPS, "of another plugin")
    open_project(session, path)
    assert session.viewer.layers["b"].colormap.name == "gray"
    assert len(session.labels) == 1


@pytest.mark.parametrize("again", [False, True])
def test_what_is_fully_annotated_holds_for_all_labels_of_an_image(
    session: Session, entry: Any, engine: Any, paint: Any, again: bool
) -> None:
    one = session.new_labels(entry)
    paint(one.layer, CORNER, 1)
    first, second = ("classes", "scribbles") if again else ("scribbles", "classes")
    session.use_labels(entry, one.layer, first)
    session.mark_complete(entry, BOX)
    now = session.use_labels(entry, one.layer, second)
    assert now.regions[:16, :16].all()
    session.viewer.layers.remove(session.regions[entry.id])
    session.tick()
    assert not session.use_labels(entry, one.layer, first).regions.any()


def test_what_is_fully_annotated_comes_back_with_the_labels_in_use(
    session: Session, other: Session, image: np.ndarray
) -> None:
    known = other.use_image(other.viewer.add_image(image, name="cells"))
    one = other.new_labels(known)
    one.layer.data_setitem(np.nonzero(np.ones((4, 4))), 1)
    other.use_labels(known, one.layer, "classes")
    other.mark_complete(known, BOX)
    assert other.project.project is not None
    path = other.project.project.folder
    other.close()
    open_project(session, path)
    (now,) = session.labels.values()
    assert now.kind == "classes"
    assert now.regions[:16, :16].all()


def test_labels_of_lazy_pixels_from_a_file_of_another_plugin_are_kept(
    session: Session, paint: Any, tmp_path: Path
) -> None:
    file = tmp_path / "movie.czi"
    file.write_bytes(b"read by another plugin")
    with layer_source(path=str(file)):
        layer = session.viewer.add_image(da.zeros((4, 32, 32), dtype=np.uint16), name="movie")
    one = session.new_labels(session.use_image(layer, "tyx"))
    paint(one.layer, (slice(0, 1), *CORNER), 2)
    assert session.project.project is not None
    path = session.project.project.folder
    session.close()
    np.testing.assert_array_equal(_read(path)["movie"], one.layer.data)
    with Project.open(path) as project:
        assert project.open_image("image-1").data.shape == (4, 32, 32)


def test_labels_that_found_the_disk_full_are_kept_once_there_is_room(
    session: Session,
    entry: Any,
    paint: Any,
    told: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> None:
        raise UserError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Project, "create_untitled", full)
        one = session.new_labels(entry)
        paint(one.layer, CORNER, 1)
    assert told.count(("error", "The disk is full.")) == 2
    paint(one.layer, MIDDLE, 2)
    assert session.project.project is not None
    path = session.project.project.folder
    session.close()
    np.testing.assert_array_equal(_read(path)["cells"], one.layer.data)


@pytest.mark.parametrize("curves", [[1], {"losses": 5}, {"losses": [[1, 0.5]], "points": "x"}])
def test_damaged_curves_do_not_keep_a_project_closed(
    session: Session, folder: Any, told: list[tuple[str, str]], curves: Any
) -> None:
    path = folder()
    (path / "model.unet").touch()
    (path / "curves.json").write_text(json.dumps(curves))
    open_project(session, path)
    assert not session.project.opening
    assert session.training.losses == []
    assert ("warning", "The curves of the training are damaged: they are not shown.") in told


def test_curves_without_their_model_are_not_shown(session: Session, folder: Any) -> None:
    path = folder()
    (path / "curves.json").write_text(json.dumps({"losses": [[1, 0.5]]}))
    open_project(session, path)
    assert session.training.losses == []


@pytest.mark.parametrize("first", [True, False])
def test_the_labels_that_were_in_use_are_in_use_again(
    session: Session, entry: Any, paint: Any, engine: Any, first: bool
) -> None:
    one, two = session.new_labels(entry), session.new_labels(entry, "classes")
    for number, each in enumerate((one, two)):
        paint(each.layer, CORNER, 1 + number)
    if first:
        session.use_labels(entry, one.layer, one.kind)
    assert session.project.project is not None
    path, name = session.project.project.folder, (one if first else two).layer.name
    session.close()
    again = Session(ViewerModel(), engine=type(engine)())
    open_project(again, path)
    (now,) = again.labels.values()
    assert now.layer.name == name
    assert now.kind == ("scribbles" if first else "classes")
    now.layer.data_setitem(np.nonzero(np.ones((4, 4))), 0)
    again.flush()
    again.close()
    with Project.open(path) as project:
        left = [project.labels(r.id).any() for r in project.labels_records.values()]
    assert left == ([False, False, True] if first else [True, False, False])


def test_strokes_on_labels_that_are_not_in_use_are_kept(
    session: Session, entry: Any, paint: Any, engine: Any
) -> None:
    one, two = session.new_labels(entry), session.new_labels(entry)
    sent = len(engine.of("labels_changed"))
    paint(one.layer, CORNER, 2)
    assert len(engine.of("labels_changed")) == sent  # the training learns from the others
    two.layer.data = np.zeros((9, 9), np.uint8)  # of another size: no longer in use, nor kept
    paint(two.layer, (slice(0, 2), slice(0, 2)), 2)
    session.flush()
    assert session.project.project is not None
    project = session.project.project
    np.testing.assert_array_equal(project.labels(one.project_id), one.layer.data)
    assert not project.labels(two.project_id).any()


@pytest.mark.parametrize("used", [[1], {"image-1": "labels-9"}, {"image-1": 3}, "x"])
def test_whatever_settings_say_of_labels_in_use_a_project_opens(
    session: Session, folder: Any, used: Any
) -> None:
    path = folder()
    with Project.open(path) as project:
        project.update_settings(labels=used)
    open_project(session, path)
    assert len(session.labels) == 1


@pytest.mark.parametrize("how", ["tick", "close", "save", "remove"])
@pytest.mark.parametrize("labelled", [True, False])
def test_pixels_put_into_a_layer_come_back_instead_of_those_of_the_file(
    session: Session,
    paint: Any,
    engine: Any,
    told: list[tuple[str, str]],
    tmp_path: Path,
    how: str,
    labelled: bool,
) -> None:
    file = tmp_path / "a.tif"
    old = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)
    tifffile.imwrite(file, old)
    with layer_source(path=str(file)):
        layer = session.viewer.add_image(old, name="a")
    entry = session.use_image(layer)
    if labelled:
        paint(session.new_labels(entry).layer, CORNER, 2)
    new = old.copy()
    new[1, 1] = 9  # what a few samples would not see
    layer.data = new
    if not labelled:
        paint(session.new_labels(entry).layer, CORNER, 2)
    if how == "tick":
        session.tick()
        assert entry.replaced is not None  # there may soon be others
        entry.replaced -= 9
        session.tick()
        session.project.project._disk.wait()
        session.tick()
        assert any("no longer those of its file" in text for _, text in told)
    elif how == "save":
        session.save_as(tmp_path / "project")
    elif how == "remove":
        session.viewer.layers.remove(layer)
    path = session.project.project.folder
    session.close()
    again = Session(ViewerModel(), engine=type(engine)())
    open_project(again, path)
    np.testing.assert_array_equal(again.viewer.layers["a"].data, new)
    assert len(again.labels) == 1
    again.close()
