"""Images by reference are found again, and what changed is told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.errors import UserError
from napari_unet.project import images
from napari_unet.project.project import Project


def with_picture(folder: Path, picture: Path) -> str:
    """A closed project with the picture, hashed; its id."""
    project = Project.create(folder)
    record = project.add_image("cells", path=picture, axes="yx")
    labels = project.add_labels(record.id, "scribbles", shape=(20, 30))
    project.record_pixels(labels.id, ([1], [2]), 2)
    assert project._hashing.wait()
    assert len(project.images[record.id].file.sha256) == 64
    project.close()
    return record.id


def test_project_and_images_can_move_together(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "home").mkdir()
    shutil.move(picture.parent, tmp_path / "home" / "pictures")
    id = with_picture(tmp_path / "home" / "work", tmp_path / "home" / "pictures" / "cells.tif")
    (tmp_path / "home").rename(tmp_path / "new home")
    project = Project.open(tmp_path / "new home" / "work")
    assert project.open_image(id).path == tmp_path / "new home" / "pictures" / "cells.tif"
    assert project._hashing.wait()
    assert project.images[id].file.path.startswith(str(tmp_path / "new home"))
    assert project.take_notes() == []
    project.close()


def test_an_image_put_next_to_the_project_is_found(tmp_path: Path, picture: Path) -> None:
    id = with_picture(tmp_path / "work", picture)
    shutil.move(picture, tmp_path / "cells.tif")
    project = Project.open(tmp_path / "work")
    assert project.open_image(id).path == tmp_path / "cells.tif"
    project.close()


def test_a_missing_image_is_named_and_its_labels_are_there(tmp_path: Path, picture: Path) -> None:
    id = with_picture(tmp_path / "work", picture)
    hidden = tmp_path / "hidden.tif"
    picture.rename(hidden)
    project = Project.open(tmp_path / "work")
    (note,) = project.take_notes()
    assert str(picture) in note
    with pytest.raises(UserError, match="is missing"):
        project.open_image(id)
    assert project.labels("labels-1")[1, 2] == 2
    project.locate_image(id, hidden)
    assert project.open_image(id).path == hidden
    assert project._hashing.wait()
    assert project.take_notes() == []
    project.close()


def test_a_changed_image_is_told(tmp_path: Path, picture: Path) -> None:
    with_picture(tmp_path / "work", picture)
    other = np.full((20, 30), 7, np.uint16)
    tifffile.imwrite(picture, other)
    os.utime(picture, ns=(1, 1))
    project = Project.open(tmp_path / "work")
    assert project._hashing.wait()
    assert "was changed" in project.take_notes()[0]
    project.close()


def test_a_file_that_was_only_touched_is_not_a_changed_one(tmp_path: Path, picture: Path) -> None:
    id = with_picture(tmp_path / "work", picture)
    os.utime(picture, ns=(1, 1))
    project = Project.open(tmp_path / "work")
    assert project._hashing.wait()
    assert project.take_notes() == []
    assert project.images[id].file.mtime_ns == 1
    project.close()


def test_an_image_of_another_size_is_refused(tmp_path: Path, picture: Path) -> None:
    id = with_picture(tmp_path / "work", picture)
    tifffile.imwrite(picture, np.zeros((5, 6), np.uint16))
    project = Project.open(tmp_path / "work")
    with pytest.raises(UserError, match="now 5 x 6"):
        project.open_image(id)
    project.close()


def test_an_array_that_is_not_the_file_is_copied(project: Project, picture: Path) -> None:
    array = tifffile.imread(picture)
    same = project.add_image("same", path=picture, array=array, axes="yx")
    filtered = project.add_image("filtered", path=picture, array=array + 1, axes="yx")
    half = project.add_image("half", path=picture, array=array[:10], axes="yx")
    assert [r.source for r in (same, filtered, half)] == ["file", "copy", "copy"]
    np.testing.assert_array_equal(project.open_image(half.id).data, array[:10])


def test_a_file_that_we_cannot_read_is_copied_from_the_layer(
    project: Project, tmp_path: Path
) -> None:
    strange = tmp_path / "cells.czi"
    strange.write_bytes(b"something")
    array = np.ones((5, 6), np.float32)
    record = project.add_image("cells", path=strange, array=array, axes="yx")
    assert record.source == "copy"
    with pytest.raises(UserError):
        project.add_image("cells", path=strange, axes="yx")


def test_an_image_too_large_to_copy_is_kept_as_a_name_with_its_labels(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_COPY_BYTES", 100)
    record = project.add_image("huge", array=np.zeros((20, 20), np.uint8), axes="yx")
    assert record.source == "none"
    assert "too large" in project.take_notes()[0]
    project.add_labels(record.id, "scribbles", shape=(20, 20))
    with pytest.raises(UserError, match="save it as TIFF"):
        project.open_image(record.id)


def test_a_damaged_copy_is_refused_and_never_runs_code(project: Project) -> None:
    record = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    project.open_image(record.id)
    copy = project.folder / "images" / f"{record.id}.npy"
    np.save(copy, np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="missing or damaged"):
        project.open_image(record.id)
    np.save(copy, np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match="another one"):
        project.open_image(record.id)
    np.save(copy, np.zeros((9, 9), "U3"))
    with pytest.raises(UserError, match="another one"):
        project.open_image(record.id)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_pixels_that_replace_those_of_the_file_are_kept(
    project: Project, picture: Path, dtype: type
) -> None:
    record = project.add_image("cells", path=picture, axes="yx")
    project._hashing.wait()
    new = np.arange(600, 0, -1).reshape(20, 30).astype(dtype)
    project.replace_pixels(record.id, new)
    project._disk.wait()
    [note] = project.take_notes()
    assert "no longer those of its file" in note
    project.replace_pixels(record.id, new)  # nothing to be told twice
    project.close()
    with Project.open(project.folder) as again:
        image = again.open_image(record.id)
        np.testing.assert_array_equal(image.data, new)
        assert image.data.dtype == dtype
        assert again.take_notes() == []
    np.testing.assert_array_equal(tifffile.imread(picture), np.arange(600).reshape(20, 30))


def test_a_kill_before_the_record_leaves_the_new_pixels_or_the_old(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    project._disk.wait()
    monkeypatch.setattr(project, "update_image", lambda *a, **k: None)
    project.replace_pixels(record.id, np.ones((9, 9), np.float32))
    project.close()
    with Project.open(project.folder) as again:
        assert np.all(np.asarray(again.open_image(record.id).data) == 1)


def test_replaced_pixels_that_are_too_large_are_told(
    project: Project, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = project.add_image("cells", path=picture, axes="yx")
    monkeypatch.setattr(images, "MAX_COPY_BYTES", 100)
    project.replace_pixels(record.id, np.zeros((20, 30), np.uint16))
    assert "too large" in project.take_notes()[0]
    assert project.images[record.id].source == "file"
