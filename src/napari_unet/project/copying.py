"""Copies of a whole project: complete, or not there at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from napari_unet.errors import UserError
from napari_unet.project import images
from napari_unet.project.document import Document, replaced
from napari_unet.project.files import disk_error, sync_folder, unfinished_file, unfinished_name
from napari_unet.project.schema import ImageRecord, ProjectFile
from napari_unet.project.untitled import DOCUMENT


def copy_project(source: Path, target: Path, state: ProjectFile) -> None:
    """Copy the project folder ``source`` to the new or empty folder ``target``.

    It grows under another name beside ``target`` and is renamed at the end. Raises UserError.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} is not empty: choose a new folder for the project.")
    if target.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{target} lies inside the project itself: choose another folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        growing = unfinished_name(target)
        try:
            growing.mkdir()
            _fill(growing, source, target, state)
            if target.exists():
                target.rmdir()
            growing.rename(target)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise disk_error(error, f"The project {target}") from error


def _fill(growing: Path, source: Path, target: Path, state: ProjectFile) -> None:
    for path in sorted(source.rglob("*")):
        copy = growing / path.relative_to(source)
        if path.is_dir():
            copy.mkdir()
        elif not unfinished_file(path) and path.name not in ("lock", DOCUMENT):
            _copy_synced(path, copy)
    moved = tuple(_seen_from(target, record) for record in state.images)
    Document(growing / DOCUMENT, replaced(state, {"images": moved})).write()


def _copy_synced(source: Path, target: Path) -> None:
    with source.open("rb") as original, target.open("xb") as copy:
        shutil.copyfileobj(original, copy, 2**20)
        copy.flush()
        os.fsync(copy.fileno())


def _seen_from(folder: Path, record: ImageRecord) -> ImageRecord:
    """The record with its relative path seen from the new place of the project."""
    if record.file is None:
        return record
    found = images.refer(Path(record.file.path), folder)
    return replaced(record, {"file": replaced(record.file, {"relative": found.relative})})
