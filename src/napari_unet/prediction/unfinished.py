"""What is done of a prediction that is not finished: a hidden folder beside what it will become.

``<folder>/.<stem>.unfinished`` holds the outputs under their names, and

``job.json``   what is being predicted: model, image and settings, as hashes and values
``done``       a line for each tile that is written, and for the objects of each plane
``lock``       held by the process that is at work

Lines are added, some at a time, after the pixels reached the disk: neither a killed process nor a
power cut leaves anything behind that only looks done. An output gets its place in the folder itself
only when all of it is there: its name is the mark that it is finished. Free of torch.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError
from napari_unet.images.axes import Index
from napari_unet.locks import take

_JOB, _DONE, _LOCK = "job.json", "done", "lock"


def job_id(job: Mapping[str, Any]) -> str:
    """A short name for all that a result depends on."""
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:32]


def folder_of(out: Path, stem: str) -> Path:
    """Where the unfinished prediction of one image lies."""
    return out / f".{stem}.unfinished"


class Unfinished:
    """The folder of one image's prediction, taken for this process.

    ``tiles``: numbers of the tiles that are done, by plane; ``objects``: planes whose objects are.
    ``resumed`` says whether anything of this ``job`` was there; ``note`` why what was there is of
    no use. Writers call :meth:`ready` once all outputs exist, and then record what they have done.

    Raises
    ------
    UserError
        Another process is at work on it, or the folder cannot be made.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any], *, afresh: bool = False) -> None:
        self.folder = folder
        # As it will be read: tuples become lists.
        self._job: dict[str, Any] = json.loads(json.dumps(job))
        self.tiles: dict[Index, set[int]] = {}
        self.objects: set[Index] = set()
        self.note = ""
        self._file: Any = None
        self._lines = b""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
        if not take(self._lock):
            os.close(self._lock)
            raise UserError(
                f"Another napari-unet is predicting {self._name} into {folder.parent} at this "
                f"moment: wait for it, or end it and type the command again."
            )
        before = job_in(folder)
        self.resumed = before == self._job and not afresh
        if self.resumed:
            try:
                self._read_done()
            except (ValueError, TypeError):  # a power cut can leave anything
                self.note = f"What was done of {self._name} is damaged: it is begun again."
                self.begin_again()
        else:
            if before is not None and not afresh:
                self.note = self._why(before)
            self.begin_again()

    @property
    def _name(self) -> str:
        return self.folder.name.removeprefix(".").removesuffix(".unfinished")

    def _why(self, before: Mapping[str, Any]) -> str:
        differ = [key for key in self._job if before.get(key) != self._job[key]]
        what = [f"another {key}" for key in ("model", "image") if key in differ]
        if set(differ) - {"model", "image"} or not differ:
            what.append("other settings")
        return (
            f"The unfinished prediction of {self._name} was made with {' and '.join(what)}: it is "
            f"begun again."
        )

    def begin_again(self) -> None:
        """Forget what is there. Only the lock stays."""
        self.resumed = False
        self.tiles, self.objects, self._lines = {}, set(), b""
        self._close_done()
        # The job first: without it nothing else counts.
        (self.folder / _JOB).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def ready(self) -> None:
        """All outputs have their files: from now on it can be resumed."""
        self._file = (self.folder / _DONE).open("ab", buffering=0)
        if not self.resumed:
            temporary = self.folder / f"{_JOB}.new"
            temporary.write_text(json.dumps(self._job), "utf-8")
            temporary.replace(self.folder / _JOB)

    def tile_done(self, index: Index, number: int) -> None:
        """A tile is written; it counts from the next :meth:`record` on."""
        self.tiles.setdefault(index, set()).add(number)
        self._lines += json.dumps([*index, number]).encode() + b"\n"

    def objects_done(self, index: Index) -> None:
        """The objects of a plane are written; they count from the next :meth:`record` on."""
        self.objects.add(index)
        self._lines += json.dumps([*index, "objects"]).encode() + b"\n"

    def record(self) -> None:
        """Everything of which was said that it is written has reached the disk. Raises OSError."""
        if self._file is None or not self._lines:
            return
        before = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(self._lines) != len(self._lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(before)  # no torn line before those of the next attempt
            raise
        self._lines = b""

    def _read_done(self) -> None:
        path = self.folder / _DONE
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            *index, what = json.loads(line)
            if not all(type(n) is int for n in (*index, 0 if what == "objects" else what)):
                raise ValueError(f"{line!r} is no tile")
            if what == "objects":
                self.objects.add(tuple(index))
            else:
                self.tiles.setdefault(tuple(index), set()).add(what)
        if len(whole) < len(content):  # the process was killed in the middle of a line
            os.truncate(path, len(whole))

    def _close_done(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """All outputs are where they belong."""
        self.begin_again()
        # While the lock is held: nobody else can have begun in there.
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()
        with suppress(OSError):  # on Windows and in network folders open files, as the lock's, stay
            if sys.platform == "win32":
                (self.folder / _LOCK).unlink()
            self.folder.rmdir()

    def close(self) -> None:
        """Leave everything as it is, for another time."""
        self._close_done()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def job_in(folder: Path) -> dict[str, Any] | None:
    """What is being predicted in there; None where nothing is that counts."""
    try:
        read = json.loads((folder / _JOB).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def forget(folder: Path) -> None:
    """Remove what a process has left that was killed; nothing that one is at work on."""
    if folder.is_dir():
        with suppress(UserError, OSError):
            Unfinished(folder, {}, afresh=True).remove()
