"""The private folder of one session, where arrays lie that the GUI and the engine share.

Free of torch. The GUI owns the folder: it allocates every array in it, fully, before anyone maps
it. A sparse file on a full disk would end both processes with a bus error in the middle of a write;
a file whose blocks are reserved cannot. Folders whose process is dead are removed by the next one.
"""

from __future__ import annotations

import errno
import math
import os
import platform
import re
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import platformdirs
import psutil

from napari_unet.engine.protocol import ArrayRef
from napari_unet.errors import UserError

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_NAME = re.compile(r"session-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)-\w+")
_BLOCK = 4 * 2**20
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def default_root() -> Path:
    """Where session folders lie unless told otherwise."""
    return Path(platformdirs.user_cache_dir("napari-unet-live", appauthor=False)) / "sessions"


class SessionCache:
    """One session's folder under ``root``; removed by :meth:`remove`, or by a later session."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            remove_stale(self.root)
            me = psutil.Process()
            prefix = f"session-{_HOST}-{me.pid}-{int(me.create_time())}-"
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self.root))
        except OSError as error:
            raise UserError(
                f"The cache folder {self.root} cannot be used ({error.strerror}): free some space "
                "or make it writable."
            ) from error
        self._numbers = count()

    def allocate(
        self, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> tuple[ArrayRef, np.memmap[Any, Any]]:
        """A zero-filled array on disk, all its blocks reserved, mapped for reading and writing.

        Raises :class:`UserError` when the disk has no room for it.
        """
        path = self.folder / f"{next(self._numbers)}.npy"
        allocate_npy(path, shape, dtype)
        mapped = np.lib.format.open_memmap(path, mode="r+")
        return ArrayRef(kind="npy", path=str(path)), mapped

    def release(self, ref: ArrayRef) -> None:
        """Remove an array of this cache; what Windows still maps goes with the folder."""
        path = Path(ref.path)
        if path.parent != self.folder:
            raise ValueError(f"{path} is not an array of this session")
        with suppress(PermissionError):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder with all its arrays."""
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_stale(root: Path) -> None:
    """Remove the session folders under ``root`` whose process on this machine is gone."""
    for folder in root.glob("session-*"):
        name = _NAME.fullmatch(folder.name)
        if name is None or name["host"] != _HOST:
            continue
        if not _runs(int(name["pid"]), int(name["started"])):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: int, started: int) -> bool:
    try:
        process = psutil.Process(pid)
        # The clock may be set while a process runs, which moves its start by the same seconds.
        return bool(
            abs(process.create_time() - started) < 60 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def allocate_npy(path: Path, shape: Sequence[int], dtype: npt.DTypeLike) -> None:
    """Write a ``.npy`` file of zeros in C order whose blocks are all reserved on the disk.

    Raises :class:`UserError` when there is no room, and leaves nothing behind then.
    """
    shape, dtype = tuple(int(n) for n in shape), np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    try:
        with path.open("wb") as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": shape,
            }
            np.lib.format.write_array_header_1_0(file, header)
            _reserve(file, file.tell(), size)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno not in _NO_SPACE:
            raise
        raise UserError(
            f"The disk of {path.parent} has no room for {size / 1e6:.0f} MB more: free some space "
            "and try again."
        ) from error


def _reserve(file: BinaryIO, start: int, size: int) -> None:
    file.flush()
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), start, size)
            return
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
                raise
    zeros = bytes(min(size, _BLOCK))
    for done in range(0, size, _BLOCK):
        file.write(zeros[: size - done])
    file.flush()
    os.fsync(file.fileno())
