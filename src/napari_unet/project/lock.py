"""One process at a time writes a folder: an operating-system lock, gone with its process."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.locks import take

NAME = "lock"
PROJECT = "The project {folder} is open in another window{who}. Close it there, then open it here."


class FolderLock:
    """Exclusive use of a folder through its file ``lock``, which says who holds it.

    ``taken`` is the sentence for a folder that another one holds: ``{folder}``, and ``{who}``,
    which may be empty.

    The lock itself is the operating system's: it ends with the process, however that ends, so the
    text of a dead process never stands in the way.
    """

    def __init__(self, folder: Path, taken: str = PROJECT) -> None:
        """Take the lock. Raises UserError when another process (or this one) holds it."""
        self.path = folder / NAME
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if not take(descriptor):
            holder = os.read(descriptor, 4096).decode(errors="replace")
            os.close(descriptor)
            raise UserError(taken.format(folder=folder, who=_describe(holder)))
        self._descriptor: int | None = descriptor
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        )

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others in. The file stays: deleting it would let two waiters lock different files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _describe(holder: str) -> str:
    try:
        who = json.loads(holder)
        return f" (process {int(who['pid'])} on {who['host']})"
    except (ValueError, KeyError, TypeError):
        return ""


def is_locked(folder: Path) -> bool:
    """Whether a living process has the project open, or it is not ours to open."""
    try:
        FolderLock(folder).release()
    except (UserError, OSError):
        return True
    return False
