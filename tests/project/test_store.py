"""Labels on disk equal what was painted, wherever a crash cuts in."""

from __future__ import annotations

import errno
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.project import store as store_module
from napari_unet.project import strokes
from napari_unet.project.store import LabelStore

SHAPE = (3, 4)


def opened(folder: Path) -> LabelStore:
    return LabelStore(folder, SHAPE, "uint8", "cells")


def paint(store: LabelStore, pixel: int, value: int) -> None:
    store.record(np.array([pixel]), np.array([value], np.uint8))


stroke = st.tuples(st.integers(0, 11), st.integers(0, 5))


@settings(max_examples=40, deadline=None)
@given(
    actions=st.lists(st.one_of(stroke, st.just("compact"), st.just("reopen")), max_size=14),
    data=st.data(),
)
def test_after_a_crash_the_labels_are_those_of_the_last_whole_record(
    actions: list[tuple[int, int] | str],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    store = opened(folder)
    expected = np.zeros(SHAPE, np.uint8)
    # (bytes of the newest journal, labels at that moment) since the journal was begun
    states = [(store.journal_bytes, expected.copy())]
    for action in actions:
        if action == "compact":
            store.compact()
            states = []
        elif action == "reopen":
            store.close()
            store = opened(folder)
        else:
            paint(store, *action)  # type: ignore[misc]
            expected.reshape(-1)[action[0]] = action[1]  # type: ignore[index]
        states.append((store.journal_bytes, expected.copy()))
        np.testing.assert_array_equal(store.read(), expected)
    store.close()

    newest = max(folder.glob("journal-*"))
    cut = data.draw(st.integers(16, newest.stat().st_size))
    with newest.open("r+b") as file:
        file.truncate(cut)
    store = opened(folder)
    last_whole = [labels for end, labels in states if end <= cut][-1]
    np.testing.assert_array_equal(store.read(), last_whole)
    assert store.take_notes() == []
    paint(store, 0, 7)  # and work goes on
    last_whole.reshape(-1)[0] = 7
    np.testing.assert_array_equal(store.read(), last_whole)
    store.close()


class CrashError(Exception):
    """Stands for a killed process: nothing after it runs."""


@pytest.mark.parametrize(
    "point", ["journal begun", "snapshot half", "snapshot there", "journal gone"]
)
def test_a_crash_inside_compaction_loses_and_doubles_nothing(
    point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path / "old")
    expected = np.zeros(SHAPE, np.uint8)
    for pixel in range(5):
        paint(store, pixel, pixel + 1)
        expected.reshape(-1)[pixel] = pixel + 1
    store.compact()
    paint(store, 4, 9)
    paint(store, 5, 2)
    expected.reshape(-1)[[4, 5]] = 9, 2
    crashed = tmp_path / "crashed"

    def crash(*_: object, **__: object) -> None:
        shutil.copytree(tmp_path / "old", crashed)
        raise CrashError

    if point == "journal begun":
        monkeypatch.setattr(LabelStore, "_replay", crash)
    elif point == "snapshot half":
        real = store_module.write_snapshot

        def half(file: object, array: np.ndarray) -> None:
            real(file, array)  # type: ignore[arg-type]
            file.flush()  # type: ignore[attr-defined]
            crash()

        monkeypatch.setattr(store_module, "write_snapshot", half)
    elif point == "snapshot there":
        monkeypatch.setattr(LabelStore, "_remove_older_than", crash)
    else:
        real_unlink = Path.unlink

        def first_only(path: Path, missing_ok: bool = False) -> None:
            real_unlink(path, missing_ok)
            crash()

        monkeypatch.setattr(Path, "unlink", first_only)
    with pytest.raises(CrashError):
        store.compact()
    monkeypatch.undo()
    store.close()

    again = opened(crashed)
    np.testing.assert_array_equal(again.read(), expected)
    assert again.take_notes() == []
    paint(again, 6, 6)
    expected.reshape(-1)[6] = 6
    again.compact()
    np.testing.assert_array_equal(again.read(), expected)
    again.close()
    assert sorted(p.name.split("-")[0] for p in crashed.iterdir()) == ["journal", "snapshot"]


def test_strokes_made_while_compacting_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path / "labels")
    paint(store, 0, 1)
    writing, painted = threading.Event(), threading.Event()
    real = store_module.write_snapshot

    def slow(file: object, array: np.ndarray) -> None:
        writing.set()
        assert painted.wait(10)
        real(file, array)  # type: ignore[arg-type]

    monkeypatch.setattr(store_module, "write_snapshot", slow)
    thread = threading.Thread(target=store.compact)
    thread.start()
    assert writing.wait(10)
    paint(store, 1, 2)  # does not wait for the snapshot
    shutil.copytree(tmp_path / "labels", tmp_path / "crashed")
    painted.set()
    thread.join()
    store.close()
    again = opened(tmp_path / "labels")
    np.testing.assert_array_equal(again.read().reshape(-1)[:2], [1, 2])
    again.close()

    crashed = opened(tmp_path / "crashed")
    paint(crashed, 1, 3)  # goes behind the strokes of the newer of the two journals
    crashed.close()
    crashed = opened(tmp_path / "crashed")
    np.testing.assert_array_equal(crashed.read().reshape(-1)[:2], [1, 3])
    crashed.close()


def test_full_disk_while_compacting_keeps_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    paint(store, 3, 4)
    store.compact()
    paint(store, 4, 5)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_snapshot", full)
        with pytest.raises(UserError, match="disk is full"):
            store.compact()
        with pytest.raises(UserError, match="disk is full"):
            store.replace(np.ones(SHAPE, np.uint8))
    paint(store, 5, 6)
    store.close()
    again = opened(tmp_path)
    np.testing.assert_array_equal(again.read().reshape(-1)[3:6], [4, 5, 6])
    again.close()


def test_damage_in_the_middle_keeps_what_came_before_and_is_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    paint(store, 0, 1)
    good = store.journal_bytes
    paint(store, 1, 2)
    paint(store, 2, 3)
    store.close()
    journal = tmp_path / "journal-000000"
    content = bytearray(journal.read_bytes())
    content[good + 20] ^= 1
    journal.write_bytes(content)
    again = opened(tmp_path)
    np.testing.assert_array_equal(again.read().reshape(-1)[:3], [1, 0, 0])
    (note,) = again.take_notes()
    assert "damaged" in note
    assert (tmp_path / "journal-000000.damaged").read_bytes() == content
    again.close()


def test_replacing_may_change_shape_and_dtype_and_outlives_a_crash(tmp_path: Path) -> None:
    store = opened(tmp_path)
    paint(store, 0, 1)
    array = np.arange(10, dtype=np.int32).reshape(2, 5)
    store.replace(array)
    store.record(np.array([9]), np.array([70000]))
    store.close()
    again = opened(tmp_path)  # still told the old shape
    array[1, 4] = 70000
    np.testing.assert_array_equal(again.read(), array)
    assert (again.shape, again.dtype) == ((2, 5), np.int32)
    again.close()


def test_old_files_that_cannot_be_deleted_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    paint(store, 0, 1)
    monkeypatch.setattr(LabelStore, "_remove_older_than", lambda *_: None)
    store.replace(np.full(SHAPE, 5, np.uint8))
    store.close()
    again = opened(tmp_path)
    assert len(list(tmp_path.glob("journal-*"))) == 2
    assert (again.read() == 5).all()
    again.close()


def test_damage_is_told_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    paint(store, 0, 1)
    store._begin_journal()
    paint(store, 1, 2)
    store.close()
    journal = tmp_path / "journal-000000"
    journal.write_bytes(journal.read_bytes()[:-1] + b"x")
    for notes in (1, 0):
        again = opened(tmp_path)
        np.testing.assert_array_equal(again.read().reshape(-1)[:2], [0, 2])
        assert len(again.take_notes()) == notes
        again.close()


def test_a_record_that_does_not_fit_is_left_out_and_told(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store._journal.append(1, strokes.encode(np.array([500]), 1))
    store._sequence = 1
    paint(store, 2, 3)
    assert store.read().reshape(-1)[2] == 3
    assert "does not fit" in store.take_notes()[0]
    store.close()


def test_a_damaged_snapshot_is_refused_with_a_sentence(tmp_path: Path) -> None:
    store = opened(tmp_path)
    paint(store, 2, 3)
    store.compact()
    store.close()
    (tmp_path / "snapshot-000001.npz").write_bytes(b"PK nonsense")
    with pytest.raises(UserError, match="cells cannot be read"):
        opened(tmp_path)


def test_a_snapshot_never_runs_code(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "snapshot-000001.npz", "w") as archive:
        member = tmp_path / "evil.npy"
        np.save(member, np.array([print], dtype=object), allow_pickle=True)
        archive.write(member, "labels.npy")
    with pytest.raises(UserError, match="damaged"):
        opened(tmp_path)


def test_a_snapshot_larger_than_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "snapshot-000001.npz", "w") as archive,
        archive.open("labels.npy", "w") as member,
    ):
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**25, 2**25)}
        np.lib.format.write_array_header_1_0(member, header)
    with pytest.raises(UserError, match="of memory"):
        opened(tmp_path)
