"""The session's cache folder: arrays that exist in full, folders that do not pile up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_unet.engine import cache as cache_module
from napari_unet.engine.arrays import open_array
from napari_unet.engine.cache import SessionCache, allocate_npy, remove_stale
from napari_unet.engine.protocol import ArrayRef
from napari_unet.errors import UserError


def test_both_sides_see_the_same_array(tmp_path: Path) -> None:
    cache = SessionCache(tmp_path)
    ref, mine = cache.allocate((3, 5, 7), np.float32)
    theirs = open_array(ref, writable=True)
    assert mine.shape == theirs.shape == (3, 5, 7)
    assert not mine.any()
    theirs[1, 2, 3] = 4.5
    assert mine[1, 2, 3] == 4.5


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    ref, _ = SessionCache(tmp_path).allocate((4,), np.uint8)
    with pytest.raises(ValueError, match="read-only"):
        open_array(ref)[0] = 1


@pytest.mark.skipif(not hasattr(os.stat_result, "st_blocks"), reason="no block counts here")
@pytest.mark.parametrize("reserve", ["posix_fallocate", "zeros"])
def test_blocks_are_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve: str) -> None:
    if reserve == "zeros":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    size = 6 * 2**20 + 5  # more than one block of zeros, not a multiple of it
    allocate_npy(tmp_path / "a.npy", (size,), np.uint8)
    status = (tmp_path / "a.npy").stat()
    assert status.st_blocks * 512 >= size
    assert np.load(tmp_path / "a.npy").shape == (size,)


@pytest.mark.parametrize("reserve", ["posix_fallocate", "zeros"])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if reserve == "zeros":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    cache = SessionCache(tmp_path)
    with pytest.raises(UserError, match="no room for 4 MB"):
        cache.allocate((1000, 1000), np.float32)
    assert list(cache.folder.iterdir()) == []


def test_release_and_remove(tmp_path: Path) -> None:
    cache = SessionCache(tmp_path)
    first, _ = cache.allocate((2,), np.uint8)
    second, _ = cache.allocate((2,), np.uint8)
    assert first.path != second.path
    cache.release(first)
    assert [p.name for p in cache.folder.iterdir()] == [Path(second.path).name]
    with pytest.raises(ValueError, match="not an array of this session"):
        cache.release(ArrayRef(kind="npy", path=str(tmp_path / "mine.npy")))
    cache.remove()
    assert list(tmp_path.iterdir()) == []


def test_folders_of_dead_processes_go(tmp_path: Path) -> None:
    mine = SessionCache(tmp_path)
    script = "import sys; from napari_unet.engine.cache import SessionCache as S; S(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    (tmp_path / "session-of-somebody").mkdir()
    (tmp_path / "session-00000000-1-1-elsewhere").mkdir()  # another computer's
    assert len(list(tmp_path.iterdir())) == 4
    remove_stale(tmp_path)
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {mine.folder.name, "session-of-somebody", "session-00000000-1-1-elsewhere"}


def test_a_reused_process_number_does_not_keep_a_folder(tmp_path: Path) -> None:
    stale = tmp_path / f"session-{cache_module._HOST}-{os.getpid()}-1000-abc"
    stale.mkdir()
    remove_stale(tmp_path)
    assert not stale.exists()


def test_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used"):
        SessionCache(tmp_path / "file")


def test_open_array_of_zarr_and_of_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "a.zarr")
    zarr.open_group(path, mode="w").create_array("0", shape=(4, 4), dtype="u2")
    assert open_array(ArrayRef(kind="zarr", path=path, component="0")).shape == (4, 4)
    with pytest.raises(UserError, match="group"):
        open_array(ArrayRef(kind="zarr", path=path))
    with pytest.raises(UserError, match="cannot be opened"):
        open_array(ArrayRef(kind="zarr", path=path, component="1"))
    with pytest.raises(UserError, match="cannot be opened"):
        open_array(ArrayRef(kind="npy", path=str(tmp_path / "none.npy")))
