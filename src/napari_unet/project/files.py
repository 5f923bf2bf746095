"""Writing files whole or not at all, and sentences for what the disk refuses."""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from napari_unet.errors import UserError

MAX_JSON_BYTES = 64 * 2**20
TEMPORARY = ".tmp-"
"""In the name of every file that is not finished yet."""


def disk_error(error: OSError, what: str) -> UserError:
    """The sentence for a failed write; ``what`` was not written, its older version is untouched."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"The disk is full: {what} could not be saved. Free some space.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{what} could not be saved: no permission to write there.")
    return UserError(f"{what} could not be saved: {error.strerror or error}.")


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system can."""
    if os.name == "nt":  # a folder cannot be opened there, and renames are journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished_name(path: Path) -> Path:
    """A name beside ``path`` under which it can grow."""
    return path.with_name(f"{path.name}{TEMPORARY}{secrets.token_hex(4)}")


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends without an error.

    Whatever happens before that (full disk, exception, killed process) leaves ``path`` as it was.
    """
    temporary = unfinished_name(path)
    try:
        with open(temporary, "xb") as file:  # noqa: PTH123  (the tests put a full disk here)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_json(path: Path, text: str) -> None:
    """Write JSON text atomically. Raises UserError when the disk refuses."""
    try:
        with atomic(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise disk_error(error, str(path)) from error


def read_json(path: Path) -> Any:
    """Read JSON of bounded size. Raises UserError when it is missing, too large or broken."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise UserError(f"{path} is too large to be one of ours.")
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is damaged: it is not valid JSON.") from error


def inside(folder: Path, *parts: str) -> Path:
    """``folder / parts``; UserError if a link leads out of the folder."""
    path = folder.joinpath(*parts)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{path} leads out of the project folder; the project was not opened.")
    return path


def unfinished_file(path: Path) -> bool:
    """Whether a name is that of a file, or of a model, that is being written."""
    return TEMPORARY in path.name or (path.name.startswith(".") and path.name.endswith(".tmp"))


def remove_leftovers(folder: Path, older: float = 0) -> None:
    """Delete the unfinished files that a killed process left in ``folder``, if there is one.

    ``older``: seconds; what somebody may still be writing stays.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):
            if not unfinished_file(path) or not path.is_file():
                continue
            if time.time() - path.stat().st_mtime >= older:
                path.unlink()
