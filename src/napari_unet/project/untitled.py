"""Projects without a name yet: work before the first Save survives a crash."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from platformdirs import user_data_dir

from napari_unet.errors import UserError
from napari_unet.project.files import disk_error
from napari_unet.project.journal import EMPTY_BYTES
from napari_unet.project.lock import is_locked

DOCUMENT = "project.json"
MODEL = "model.unet"
CURVES = "curves.json"
EARLIER = "earlier"
"""Folder of models that a reset or another training took the place of."""


def untitled_root() -> Path:
    """Where untitled projects are kept."""
    return Path(user_data_dir("napari-unet-live", appauthor=False)) / "untitled"


def new_untitled_folder() -> Path:
    """An empty folder for a new untitled project, named by time and process."""
    root = untitled_root()
    stamp = f"{datetime.now():%Y-%m-%d-%H-%M-%S}-{os.getpid()}"
    number = 1
    try:
        root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = root / (stamp if number == 1 else f"{stamp}-{number}")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        raise disk_error(error, f"A project in {root}") from error


def unfinished() -> list[Path]:
    """Untitled projects that no living process has open and that hold work, newest first.

    Those with neither labels nor a model hold none: they are deleted.
    """
    root = untitled_root()
    found = []
    for folder in sorted(root.iterdir(), reverse=True) if root.is_dir() else []:
        if not (folder / DOCUMENT).is_file() or is_locked(folder):
            continue
        if _holds_work(folder):
            found.append(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def _holds_work(folder: Path) -> bool:
    if (folder / MODEL).exists() or any((folder / EARLIER).glob("*.unet")):
        return True
    files = (folder / "labels").glob("*/*")
    return any(file.stat().st_size > EMPTY_BYTES for file in files if file.is_file())


def discard(folder: Path) -> None:
    """Delete an untitled project. Raises UserError for any other folder, or when it is open."""
    if folder.resolve().parent != untitled_root().resolve() or not folder.is_dir():
        raise UserError(f"{folder} is not an untitled project: it was not deleted.")
    if is_locked(folder):
        raise UserError(f"The project {folder} is open: it was not deleted.")
    shutil.rmtree(folder, ignore_errors=True)
