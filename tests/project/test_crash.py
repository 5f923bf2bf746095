"""kill -9 in the middle of painting, and full disks."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.project import copying, files
from napari_unet.project.project import Project

PAINT = """
import sys
import numpy as np
from napari_unet.project.project import Project
project = Project.open(sys.argv[1])
for k in range(10**6):
    project.record_box("labels-1", ((k // 200, k // 200 + 1), (k % 200, k % 200 + 1)), 1 + k % 3)
    print(k, flush=True)
    if k % 50 == 49:
        project._disk.submit("compact", project._stores["labels-1"].compact)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_kill_9_while_painting_loses_no_finished_stroke(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((200, 200), np.uint8), axes="yx")
    project.add_labels(image.id, "scribbles", shape=(200, 200))
    project.close()
    with subprocess.Popen(
        [sys.executable, "-c", PAINT, str(project.folder)], stdout=subprocess.PIPE
    ) as painter:
        assert painter.stdout is not None
        for _ in range(420):
            finished = int(painter.stdout.readline())
        painter.send_signal(signal.SIGKILL)
        finished = max([finished, *map(int, painter.stdout.read().split(b"\n")[:-1])])
    again = Project.open(project.folder)
    expected = 1 + np.arange(finished + 1) % 3
    found = again.labels("labels-1").ravel()
    np.testing.assert_array_equal(found[: finished + 1], expected)
    assert not found[finished + 2 :].any()  # at most the stroke in the hand is there too
    assert again.take_notes() == []
    again.close()


class FullDisk:
    """Stands in for ``open``: files take so many bytes, then the disk is full."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, file: int, mode: str) -> io.FileIO:
        disk = self

        class Full(io.FileIO):
            def write(self, data: bytes) -> int:  # type: ignore[override]
                disk.room -= len(memoryview(data).cast("B"))
                if disk.room < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return super().write(data)

        return Full(file, mode)


@pytest.mark.parametrize("room", [0, 10, 300])
def test_full_disk_keeps_the_previous_document_curves_and_snapshot(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.create(tmp_path / "work")
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    noise = np.random.default_rng(0).integers(0, 99, (60, 60), dtype=np.int32)
    labels = project.add_labels(image.id, "objects", array=noise)
    project.save_curves([1])
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    with monkeypatch.context() as patch:
        for attempt in (
            lambda: project.update_settings(text="x" * 300),
            lambda: project.save_curves([2] * 300),
            lambda: project.replace_labels(labels.id, noise + 1),
        ):
            patch.setattr(files, "open", FullDisk(room), raising=False)
            with pytest.raises(UserError, match="disk is full"):
                attempt()
    assert project.settings == {}
    after = {p: p.read_bytes() for p in project.folder.rglob("*") if p in before}
    assert after == before
    assert not [p for p in project.folder.rglob("*") if files.TEMPORARY in p.name]
    project.close()
    again = Project.open(project.folder)
    np.testing.assert_array_equal(again.labels(labels.id), noise)
    assert again.curves() == [1]
    again.close()


def test_full_disk_while_painting_says_so_and_writes_the_stroke_later(project: Project) -> None:
    image = project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")
    labels = project.add_labels(image.id, "scribbles", shape=(9, 9))
    journal = project._stores[labels.id]._journal
    real = journal._file

    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    journal._file = Full()  # type: ignore[assignment]
    with pytest.raises(UserError, match="disk is full: Your last stroke"):
        project.record_pixels(labels.id, ([1], [1]), 1)
    journal._file = real
    project.record_pixels(labels.id, ([2], [2]), 2)
    np.testing.assert_array_equal(np.diag(project.labels(labels.id))[:3], [0, 1, 2])


def test_save_as_copies_everything_and_opens_the_copy(tmp_path: Path, picture: Path) -> None:
    project = Project.create_untitled()
    by_path = project.add_image("cells", path=picture, axes="yx")
    by_copy = project.add_image("a", array=np.eye(9, dtype=np.uint8), axes="yx")
    labels = project.add_labels(by_copy.id, "scribbles", shape=(9, 9))
    project.record_pixels(labels.id, ([1], [1]), 1)
    project.compact(labels.id)
    project.record_pixels(labels.id, ([2], [2]), 2)
    project.model_path.write_bytes(b"model")
    saved = project.save_as(tmp_path / "deep" / "er" / "mine")
    assert not saved.untitled
    project.record_pixels(labels.id, ([3], [3]), 2)  # only in the old one
    project.discard()
    np.testing.assert_array_equal(np.diag(saved.labels(labels.id))[:4], [0, 1, 2, 0])
    np.testing.assert_array_equal(saved.open_image(by_copy.id).data, np.eye(9))
    assert saved.open_image(by_path.id).path == picture
    assert saved.images[by_path.id].file.relative == "../../../pictures/cells.tif"
    assert saved.model_path.read_bytes() == b"model"
    saved.close()


def test_save_as_on_a_full_disk_leaves_nothing_behind(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.add_image("a", array=np.zeros((9, 9), np.uint8), axes="yx")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    here = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(copying, "_copy_synced", full)
        with pytest.raises(UserError, match="disk is full"):
            project.save_as(tmp_path / "copy")
    assert sorted(tmp_path.iterdir()) == here


def test_save_as_never_overwrites_and_never_nests(project: Project, picture: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        project.save_as(picture.parent)
    with pytest.raises(UserError, match="inside the project"):
        project.save_as(project.folder / "copy")


def test_half_written_models_are_removed_but_not_one_that_is_being_written(
    tmp_path: Path, project: Project
) -> None:
    names = (".model.unet.0a1b2c3d.tmp", "history/.000001-step-0000001.unet.0a1b2c3d.tmp")
    names = (*names, "images/image-1.npy.tmp-0a1b2c3d")
    for name in names:
        for old in (False, True):
            path = project.folder / (name.replace("0a1b", "ffff") if old else name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"half")
            if old:
                os.utime(path, (0, 0))
    with project.save_as(tmp_path / "copy") as copy:
        assert not [path for path in copy.folder.rglob("*") if files.unfinished_file(path)]
    project.close()
    with Project.open(project.folder) as again:
        left = [path for path in again.folder.rglob("*") if files.unfinished_file(path)]
        assert len(left) == len(names)
        assert not any("ffff" in path.name for path in left)
