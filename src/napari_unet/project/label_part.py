"""The labels of a project: records and the strokes behind them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.model.header import ClassDescription
from napari_unet.project import strokes
from napari_unet.project.document import Document, checked, replaced
from napari_unet.project.files import inside
from napari_unet.project.image_part import ImagePart
from napari_unet.project.lock import FolderLock
from napari_unet.project.schema import LABEL_DTYPES, LabelsKind, LabelsRecord, next_id
from napari_unet.project.snapshot import LabelArray, check_memory
from napari_unet.project.store import COMPACT_BYTES, LabelStore


class LabelPart(ImagePart):
    """What a project does with labels. ``record_*`` do not wait for the disk."""

    def __init__(self, folder: Path, lock: FolderLock, document: Document) -> None:
        super().__init__(folder, lock, document)
        self._stores: dict[str, LabelStore] = {}
        self._unreadable: dict[str, UserError] = {}

    @property
    def labels_records(self) -> dict[str, LabelsRecord]:
        """Records of the labels by id, in the order they were added."""
        return {record.id: record for record in self._document.state.labels}

    def add_labels(
        self,
        image_id: str,
        kind: LabelsKind,
        *,
        shape: tuple[int, ...] | None = None,
        dtype: npt.DTypeLike = np.uint8,
        array: LabelArray | None = None,
        name: str = "",
        classes: Iterable[ClassDescription] = (),
        complete: bool = False,
        view: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> LabelsRecord:
        """Add labels of an image: empty ones of ``shape`` and ``dtype``, or a copy of ``array``.

        ``shape`` is leading + spatial, in the order of the image's axes without c.
        """
        if array is not None:
            array = _as_labels(array)
            shape, dtype = array.shape, array.dtype
        if shape is None:
            raise ValueError("labels need a shape or an array")
        values = {
            "id": id or next_id("labels", self.labels_records),
            "image": self._image(image_id).id,
            "name": name or f"{self._image(image_id).name}: {kind}",
            "kind": kind,
            "classes": tuple(classes),
            "complete": complete,
            "shape": tuple(int(n) for n in shape),
            "dtype": np.dtype(dtype).name,
            "view": dict(view or {}),
        }
        record = checked(LabelsRecord, values)
        if record.id in self.labels_records:
            raise UserError(f"The project {self.folder} already has labels {record.id}.")
        # Files without a record are what a crash or a failed removal left.
        shutil.rmtree(self._folder_of(record.id), ignore_errors=True)
        check_memory(record.shape, np.dtype(record.dtype), record.name)
        store = self._open_store(record)
        if array is not None:
            store.replace(array)
        self._document.change(labels=(*self._document.state.labels, record))
        return record

    def update_labels(self, id: str, **fields: Any) -> LabelsRecord:
        """Change fields of a record: ``kind``, ``classes``, ``name``, ``complete``, ``view``."""
        with self._document.lock:
            if id not in self.labels_records:
                raise self._no_such(id)
            record = replaced(self.labels_records[id], fields)
            labels = (record if r.id == id else r for r in self._document.state.labels)
            self._document.change(labels=tuple(labels))
        return record

    def remove_labels(self, id: str) -> None:
        """Forget labels and delete their files."""
        if id not in self.labels_records:
            raise self._no_such(id)
        self._document.change(labels=tuple(r for r in self._document.state.labels if r.id != id))
        self._unreadable.pop(id, None)
        self._disk.wait()
        if store := self._stores.pop(id, None):
            store.close()
        shutil.rmtree(self._folder_of(id), ignore_errors=True)

    def record_pixels(
        self, id: str, coordinates: tuple[npt.ArrayLike, ...], values: npt.ArrayLike
    ) -> None:
        """The pixels at ``coordinates`` (an array by axis) took ``values`` (one, or one each)."""
        self._record(id, *strokes.from_pixels(self._store(id).shape, coordinates, values))

    def record_change(
        self,
        id: str,
        before: npt.NDArray[np.generic],
        after: npt.NDArray[np.generic],
        index: tuple[int, ...] = (),
    ) -> None:
        """``labels[index]`` changed from ``before`` to ``after``; ``index`` = first axes."""
        self._record(id, *strokes.from_change(self._store(id).shape, before, after, index))

    def record_box(self, id: str, box: tuple[tuple[int, int], ...], values: npt.ArrayLike) -> None:
        """The rectangle ``box`` ((start, stop) by axis of the labels) took ``values``."""
        grid = np.ix_(*(range(*span) for span in box))
        grid = np.broadcast_arrays(*grid)
        self.record_pixels(id, tuple(grid), np.broadcast_to(values, grid[0].shape).reshape(-1))

    def _record(self, id: str, flat: strokes.Ints, values: npt.NDArray[np.generic]) -> None:
        store = self._store(id)
        store.record(flat, values)
        self._disk.submit(f"sync {id}", store.sync)
        if store.journal_bytes > COMPACT_BYTES:
            self._disk.submit(f"compact {id}", store.compact)

    def replace_labels(self, id: str, array: LabelArray) -> LabelsRecord:
        """A wholly new array; shape and dtype may change. The old one stays if the disk is full."""
        array = _as_labels(array)
        shape, dtype = tuple(array.shape), array.dtype.name
        self._store(id).replace(array)
        return self.update_labels(id, shape=shape, dtype=dtype)

    def labels(self, id: str) -> LabelArray:
        """The array that all finished strokes made. Raises UserError when it is damaged."""
        return self._store(id).read()

    def compact(self, id: str) -> None:
        """Write a new snapshot and begin a new journal; takes as long as writing the array."""
        self._store(id).compact()

    def take_notes(self) -> list[str]:
        notes = super().take_notes()
        for store in self._stores.values():
            notes += store.take_notes()
        return notes

    def _open_labels(self) -> None:
        for record in self.labels_records.values():
            try:
                store = self._open_store(record)
            except UserError as error:
                # One damaged file must not keep the user from everything else.
                self._unreadable[record.id] = error
                self._note(str(error))
                continue
            if (store.shape, store.dtype.name) != (record.shape, record.dtype):
                # replace_labels() was cut short between the snapshot and project.json.
                self.update_labels(record.id, shape=store.shape, dtype=store.dtype.name)

    def _open_store(self, record: LabelsRecord) -> LabelStore:
        store = LabelStore(self._folder_of(record.id), record.shape, record.dtype, record.name)
        self._stores[record.id] = store
        return store

    def _store(self, id: str) -> LabelStore:
        if id in self._unreadable:
            raise UserError(str(self._unreadable[id]))
        if id not in self._stores:
            raise self._no_such(id)
        return self._stores[id]

    def _no_such(self, id: str) -> UserError:
        return UserError(f"The project {self.folder} has no labels {id}.")

    def _folder_of(self, id: str) -> Path:
        return inside(self.folder, "labels", id)


def _as_labels(array: npt.ArrayLike) -> LabelArray:
    """Raises UserError for values that are no whole numbers."""
    values = np.asarray(array)
    if values.dtype.name not in LABEL_DTYPES:
        raise UserError(f"Labels are whole numbers; these are {values.dtype}.")
    return values
