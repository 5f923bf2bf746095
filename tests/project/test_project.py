"""Everything that was put into a project is there when it is opened again."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.model.container import write_zip
from napari_unet.project.project import ClassDescription, Project, discard, unfinished

CLASSES = (
    ClassDescription(name="background", color="#0000ff"),
    ClassDescription(name="cell", color="#ff0000"),
)


def reopened(project: Project) -> Project:
    project.close()
    return Project.open(project.folder)


def test_images_labels_classes_settings_curves_and_model_come_back(
    tmp_path: Path, picture: Path
) -> None:
    project = Project.create(tmp_path / "work")
    by_path = project.add_image("cells", path=picture, axes="yx", spacing=(0.5, 0.5))
    drawn = np.linspace(0, 1, 2 * 8 * 9, dtype=np.float32).reshape(2, 8, 9)
    by_copy = project.add_image("drawn", array=drawn, axes="zyx", view={"units": ["um"] * 3})
    labels = project.add_labels(by_copy.id, "scribbles", shape=(2, 8, 9), classes=CLASSES)
    objects = project.add_labels(by_path.id, "objects", array=np.full((20, 30), 70000, np.int32))
    regions = project.add_labels(by_path.id, "regions", shape=(20, 30), dtype=bool)
    project.record_pixels(labels.id, ([0, 1], [2, 3], [4, 4]), 2)
    project.record_box(labels.id, ((1, 2), (5, 8), (0, 3)), 1)
    before = project.labels(objects.id)
    after = before.copy()
    after[3, 4:9] = 5
    project.record_change(objects.id, before, after)
    project.record_change(objects.id, after[7], np.arange(30), (7,))
    after[7] = np.arange(30)
    project.record_box(regions.id, ((0, 4), (0, 4)), True)
    project.update_labels(labels.id, name="my strokes", complete=False)
    project.update_settings(network="lunet", preset="live")
    project.update_settings(preset="paper2015")
    project.save_curves({"loss": [[1, 0.7], [2, 0.5]], "iou": [None]})
    write_zip(tmp_path / "trained.unet", {"model.json": b"{}", "weights.safetensors": b"weights"})
    project.set_model(tmp_path / "trained.unet")

    again = reopened(project)
    assert list(again.images) == [by_path.id, by_copy.id]
    image = again.open_image(by_path.id)
    np.testing.assert_array_equal(image.read()[0].ravel(), np.arange(600))
    assert (image.axes, image.spacing, image.path) == ("yx", (0.5, 0.5), picture)
    np.testing.assert_array_equal(again.open_image(by_copy.id).data, drawn)
    assert again.images[by_copy.id].view == {"units": ["um"] * 3}
    expected = np.zeros((2, 8, 9), np.uint8)
    expected[0, 2, 4] = expected[1, 3, 4] = 2
    expected[1, 5:8, 0:3] = 1
    np.testing.assert_array_equal(again.labels(labels.id), expected)
    np.testing.assert_array_equal(again.labels(objects.id), after)
    assert again.labels(regions.id).dtype == bool
    assert again.labels(regions.id).sum() == 16
    assert again.labels_records[labels.id].classes == CLASSES
    assert again.labels_records[labels.id].name == "my strokes"
    assert again.settings == {"network": "lunet", "preset": "paper2015"}
    assert again.curves() == {"loss": [[1, 0.7], [2, 0.5]], "iou": [None]}
    assert again.model_path.read_bytes() == (tmp_path / "trained.unet").read_bytes()
    assert again.take_notes() == []
    again.close()


def test_compaction_happens_by_itself_when_the_journal_is_long(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet.project.label_part.COMPACT_BYTES", 200)
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "scribbles", shape=(9, 9))
    for k in range(9):
        project.record_pixels(labels.id, ([k], [k]), 2)
    assert project._disk.wait()
    assert list((project.folder / "labels" / labels.id).glob("snapshot-*"))
    np.testing.assert_array_equal(project.labels(labels.id), 2 * np.eye(9))


def test_replaced_labels_come_back_even_when_the_record_was_not_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "objects", shape=(9, 9))
    wide = np.full((4, 4), 300, np.uint16)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Project, "update_labels", killed)
        with pytest.raises(KeyboardInterrupt):
            project.replace_labels(labels.id, wide)
    again = reopened(project)
    np.testing.assert_array_equal(again.labels(labels.id), wide)
    assert again.labels_records[labels.id].shape == (4, 4)
    assert again.labels_records[labels.id].dtype == "uint16"
    again.close()


def test_removing_an_image_takes_its_labels_and_its_copy_but_not_the_users_file(
    project: Project, picture: Path
) -> None:
    one = project.add_image("one", path=picture, axes="yx")
    two = project.add_image("two", array=np.zeros((9, 9), np.uint8), axes="yx")
    for image in (one, two):
        project.add_labels(image.id, "scribbles", shape=(9, 9))
    project.open_image(two.id)
    project.remove_image(one.id)
    project.remove_image(two.id)
    assert project.images == project.labels_records == {}
    assert picture.exists()
    assert not list((project.folder / "images").iterdir())
    assert not list((project.folder / "labels").iterdir())


def test_labels_ids_are_not_used_twice_at_a_time(project: Project) -> None:
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    first, second = (project.add_labels(image.id, "scribbles", shape=(9, 9)) for _ in range(2))
    assert first.id != second.id
    project.remove_labels(first.id)
    assert project.add_labels(image.id, "scribbles", shape=(9, 9)).id not in (first.id, second.id)


def test_one_damaged_file_does_not_keep_the_rest_away(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    good = project.add_labels(image.id, "scribbles", array=np.ones((9, 9), np.uint8))
    bad = project.add_labels(image.id, "objects", array=np.ones((9, 9), np.uint8), name="bad one")
    project.save_curves([1])
    project.close()
    (snapshot,) = (project.folder / "labels" / bad.id).glob("snapshot-*")
    snapshot.write_bytes(snapshot.read_bytes()[:40])
    (project.folder / "curves.json").write_text("{")
    again = Project.open(project.folder)
    assert again.labels(good.id).all()
    assert again.curves() is None
    with pytest.raises(UserError, match="bad one cannot be read"):
        again.labels(bad.id)
    notes = again.take_notes()
    assert len(notes) == 2
    assert "bad one" in notes[0]
    again.remove_labels(bad.id)
    again.close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(schema_version=2), "newer version"),
        (lambda d: d.update(schema_version="x"), "schema_version"),
        (lambda d: d["images"][0].update(id="../../etc"), r"images\.0\.id"),
        (lambda d: d["labels"][0].update(id="/etc/passwd"), r"labels\.0\.id"),
        (lambda d: d["labels"][0].update(dtype="object"), r"labels\.0\.dtype"),
        (lambda d: d["labels"][0].update(shape=[0, 4]), r"labels\.0\.shape"),
        (lambda d: d["labels"][0].update(image="image-9"), "belong to no image"),
        (lambda d: d["labels"].append(d["labels"][0]), "same id"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d["labels"][0].update(kind="strokes"), r"labels\.0\.kind"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_naming_the_field(
    change: object, sentence: str, tmp_path: Path
) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    project.add_labels(image.id, "scribbles", shape=(9, 9))
    project.close()
    document = tmp_path / "work" / "project.json"
    data = json.loads(document.read_text())
    change(data)  # type: ignore[operator]
    document.write_text(json.dumps(data))
    with pytest.raises(UserError, match=sentence):
        Project.open(tmp_path / "work")
    document.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        Project.open(tmp_path / "work")
    document.write_text("[1]")
    with pytest.raises(UserError, match="not a project"):
        Project.open(tmp_path / "work")


def test_labels_too_large_for_memory_are_refused(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    with pytest.raises(UserError, match="of memory"):
        project.add_labels(image.id, "scribbles", shape=(2**25, 2**25))
    with pytest.raises(UserError, match="whole numbers"):
        project.add_labels(image.id, "scribbles", array=np.zeros((9, 9)))  # type: ignore[arg-type]
    project.close()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_project_is_refused(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "scribbles", shape=(9, 9))
    project.close()
    inner = project.folder / "labels" / labels.id
    for path in inner.iterdir():
        path.unlink()
    inner.rmdir()
    (tmp_path / "elsewhere").mkdir()
    inner.symlink_to(tmp_path / "elsewhere")
    again = Project.open(project.folder)
    assert "out of the project" in again.take_notes()[0]
    again.close()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_only_new_or_empty_folders_become_projects(tmp_path: Path, picture: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        Project.create(picture.parent)
    with pytest.raises(UserError, match="it has no project"):
        Project.open(picture.parent)
    with pytest.raises(UserError, match=r"pictures.cells"):
        Project.create(picture / "under a file")


def test_untitled_projects_of_dead_processes_are_found_and_can_be_discarded() -> None:
    alive = Project.create_untitled()
    dead = Project.create_untitled()
    empty = Project.create_untitled()
    assert alive.untitled
    for project in (alive, dead, empty):
        image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
        labels = project.add_labels(image.id, "scribbles", shape=(9, 9))
        if project is not empty:
            project.record_pixels(labels.id, ([1], [1]), 1)
    dead.close()
    empty.close()
    assert unfinished() == [dead.folder]
    assert not empty.folder.exists()
    with pytest.raises(UserError, match="is open"):
        discard(alive.folder)
    discard(dead.folder)
    assert unfinished() == []
    alive.discard()
    assert not alive.folder.exists()


def test_what_has_a_name_is_not_discarded(project: Project) -> None:
    with pytest.raises(UserError, match="not deleted"):
        project.discard()
    with pytest.raises(UserError, match="not deleted"):
        discard(project.folder)
    assert project.folder.exists()


def test_files_without_a_record_are_not_taken_for_labels(project: Project) -> None:
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "scribbles", array=np.ones((9, 9), np.uint8))
    with pytest.raises(UserError, match="already has labels"):
        project.add_labels(image.id, "scribbles", shape=(9, 9), id=labels.id)
    (project.folder / "labels" / labels.id).rename(project.folder / "labels" / "labels-2")
    assert not project.labels(project.add_labels(image.id, "scribbles", shape=(9, 9)).id).any()


def test_an_untitled_project_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet.project.untitled.user_data_dir", lambda *a, **k: str(tmp_path))
    theirs = Project.create_untitled()
    theirs.close()
    (theirs.folder / "lock").unlink()
    (theirs.folder / "lock").mkdir()  # as little to be opened as a file of another user
    assert unfinished() == []
    assert theirs.folder.exists()


def test_what_the_disk_refuses_in_the_background_is_told_in_a_sentence(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "scribbles", shape=(9, 9))

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    project._disk.wait()
    monkeypatch.setattr("napari_unet.project.store.LabelStore.sync", full)
    project.record_pixels(labels.id, ([1], [1]), 1)
    project._disk.wait()
    (note,) = project.take_notes()
    assert note.startswith("The disk is full: The project")
