"""Whether a file is still what it was, without reading its pixels."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from napari_unet.errors import UserError


def identity(path: Path) -> str:
    """SHA-256 over sizes and times of change of a file, or of all files in a folder by their names.

    It costs no reading, however large the image is, and changes with every way of writing to it.

    Raises
    ------
    UserError
        There is no such file, or it cannot be looked at.
    """
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            _folder(path, "", digest)
        else:
            _file(path.stat(), "", digest)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


def _file(stat: os.stat_result, name: str, digest: hashlib._Hash) -> None:
    digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())


def _folder(folder: Path, name: str, digest: hashlib._Hash) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            inner = f"{name}/{entry.name}"
            if entry.is_dir():
                _folder(Path(entry.path), inner, digest)
            else:
                _file(entry.stat(), inner, digest)
