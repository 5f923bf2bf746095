"""A project folder: images, labels with their journal of strokes, classes, model, curves.

Free of torch, Qt and napari. The public interface::

    Project.create(folder) | Project.create_untitled() | Project.open(folder)      -> Project
    unfinished() -> list[Path]     untitled projects of dead processes: open them or discard(path)
    .folder .untitled .images .labels_records (dicts by id) .settings .model_path .has_model
    .add_image(name, axes=, path=None, array=None, dims=2, spacing=None, view={}, id=None)
    .update_image(id, **fields) .replace_pixels(id, array) .remove_image(id)
    .locate_image(id, path) .open_image(id) -> Image
    .add_labels(image_id, kind, shape=, dtype= | array=, name="", classes=(), complete=False,
                view={}, id=None) -> LabelsRecord
    .update_labels(id, **fields) .remove_labels(id)
    .record_pixels(id, coordinates, values)        what napari's paint event gives
    .record_change(id, before, after, index=())    two versions of a plane (or of the whole array)
    .record_box(id, box, values)                   one rectangle
    .replace_labels(id, array)                     a wholly new array (may change shape and dtype)
    .labels(id) -> ndarray                         what all finished strokes made
    .compact(id)                                   new snapshot, new journal (also done by itself)
    .update_settings(**values) .save_curves(curves) .curves() .set_model(path)
    .save_as(folder) -> Project   .close()   .discard()   .take_notes() -> list[str]

Every change is on its way to the disk when the call returns: there is no Save. ``record_*`` hand
the stroke to the operating system at once, so that a killed napari loses nothing, and a background
thread syncs it to the disk. ``take_notes()`` returns and forgets sentences for the user (an image
moved or changed, a damaged record): poll it with the timer that polls the engine.

Layout: ``project.json`` (schema.py), ``lock``, ``images/<id>.npy``, ``labels/<id>/`` (store.py),
``model.unet``, ``curves.json``.

All errors that a user can cause are :class:`napari_unet.errors.UserError`. When the disk is full,
``record_*`` raises one, but keeps the stroke and writes it before the next one.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from napari_unet.errors import UserError
from napari_unet.model.container import read_entries, write_zip
from napari_unet.model.file import LIMITS
from napari_unet.model.header import ClassDescription
from napari_unet.project.copying import copy_project
from napari_unet.project.document import Document
from napari_unet.project.files import disk_error, read_json, remove_leftovers, write_json
from napari_unet.project.label_part import LabelPart
from napari_unet.project.lock import FolderLock
from napari_unet.project.schema import ImageRecord, LabelsRecord
from napari_unet.project.untitled import (
    CURVES,
    DOCUMENT,
    discard,
    new_untitled_folder,
    unfinished,
)

__all__ = ["ClassDescription", "ImageRecord", "LabelsRecord", "Project", "discard", "unfinished"]


PATIENCE = 3600.0
"""Seconds to wait for copies of images, which nobody has elsewhere, before they are given up."""


class Project(LabelPart):
    """An open project; it belongs to this process until :meth:`close`."""

    @classmethod
    def create(cls, folder: str | Path) -> Self:
        """A new project in a new or empty folder. Raises UserError."""
        folder = Path(folder).absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(path.name != "lock" for path in folder.iterdir()):
                raise UserError(f"{folder} is not empty: choose a new folder for the project.")
            lock = FolderLock(folder)
        except OSError as error:
            raise disk_error(error, f"The project {folder}") from error
        try:
            return cls(folder, lock, Document.create(folder / DOCUMENT))
        except UserError:
            lock.release()
            raise

    @classmethod
    def create_untitled(cls) -> Self:
        """A new project in the user's data folder, kept until it is discarded."""
        return cls.create(new_untitled_folder())

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a project (or its project.json); :meth:`take_notes` tells what is amiss.

        Raises UserError when it is no project, of a newer version, damaged, or open elsewhere.
        """
        folder = Path(folder).absolute()
        if folder.name == DOCUMENT:
            folder = folder.parent
        if not (folder / DOCUMENT).is_file():
            raise UserError(f"{folder} is not a project: it has no {DOCUMENT}.")
        try:
            lock = FolderLock(folder)
        except OSError as error:
            raise disk_error(error, f"The project {folder}") from error
        try:
            project = cls(folder, lock, Document.open(folder / DOCUMENT))
        except BaseException:
            lock.release()
            raise
        try:
            # Models are written by the engine, which lives a moment longer than its window.
            for part in (".", "history", "earlier", "images"):
                remove_leftovers(folder / part, older=60)
            project._open_labels()
            project._check_images()
        except BaseException:
            with suppress(UserError):
                project.close()
            raise
        return project

    # ---------------------------------------------------------------- model and curves

    def set_model(self, path: str | Path) -> None:
        """Copy a model (file or folder) into the project, in place of its own. Raises UserError."""
        write_zip(self.model_path, read_entries(Path(path), LIMITS, LIMITS))

    def save_curves(self, curves: Any) -> None:
        """Keep the curves of training (any JSON value) as ``curves.json``. Raises UserError."""
        write_json(self.folder / CURVES, json.dumps(curves))

    def curves(self) -> Any:
        """What :meth:`save_curves` kept; None when there is none or it is damaged (with a note)."""
        if not (self.folder / CURVES).exists():
            return None
        try:
            return read_json(self.folder / CURVES)
        except UserError as error:
            self._note(str(error))
            return None

    # ---------------------------------------------------------------- leaving

    def save_as(self, folder: str | Path) -> Project:
        """Copy everything to a new folder and open that; this project stays open as it is.

        ``folder`` must be new or empty and appears only when all of it has been written. Recording
        waits meanwhile. Raises UserError.
        """
        target = Path(folder).absolute()
        if not self._disk.wait(PATIENCE):
            raise UserError("Images are still being copied into the project: try again later.")
        with self._document.lock, ExitStack() as paused:
            for store in self._stores.values():
                paused.enter_context(store.paused())
            copy_project(self.folder, target, self._document.state)
        return Project.open(target)

    def close(self) -> None:
        """Write what is pending and let others in. Raises UserError when the disk refuses."""
        self._closing.set()
        self._disk.wait(PATIENCE)
        self._disk.close()
        self._hashing.close()
        # ExitStack closes all of them even when one of them fails.
        with ExitStack() as closing:
            closing.callback(self._lock.release)
            for store in self._stores.values():
                closing.callback(store.close)

    def discard(self) -> None:
        """Close and delete an untitled project. Raises UserError for any other."""
        if not self.untitled:
            raise UserError(f"{self.folder} was saved under a name: it was not deleted.")
        with suppress(UserError):
            self.close()
        discard(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
