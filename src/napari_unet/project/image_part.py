"""The images of a project: records, references, copies, checks of what changed outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike, Image
from napari_unet.images.reading import read_image
from napari_unet.project import images as files
from napari_unet.project.base import ProjectBase
from napari_unet.project.document import checked, replaced
from napari_unet.project.files import inside
from napari_unet.project.schema import ImageRecord, next_id


class ImagePart(ProjectBase, ABC):
    """What a project does with images."""

    @property
    def images(self) -> dict[str, ImageRecord]:
        """Records of the images by id, in the order they were added."""
        return {record.id: record for record in self._document.state.images}

    def add_image(
        self,
        name: str,
        *,
        axes: str,
        path: str | Path | None = None,
        array: ArrayLike | None = None,
        dims: int = 2,
        spacing: tuple[float, ...] | None = None,
        view: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> ImageRecord:
        """Add an image: by reference when ``path`` holds just this array, else as a copy.

        The copy is written in the background. An array over 2 GB without a file is not copied: a
        note says so, and everything else about it is kept. ``view`` holds JSON values for the
        plugin. Raises UserError when there is neither a readable file nor an array.
        """
        file = None
        if path is not None:
            try:
                image = read_image(Path(path), axes, dims)
            except UserError:
                if array is None:
                    raise
            else:
                if array is None or files.is_file_content(image, array):
                    array, axes = image.data, image.axes
                    spacing = spacing or image.spacing
                    file = files.refer(Path(path), self.folder)
        if array is None:
            raise UserError(f"The image {name} has neither a file nor pixels.")
        copied = file is None and not files.too_large(array)
        values = {
            "id": id or next_id("image", self.images),
            "name": name,
            "axes": Image(name, array, axes, dims, spacing).axes,
            "dims": dims,
            "spacing": spacing,
            "shape": tuple(array.shape),
            "dtype": np.dtype(array.dtype).str,
            "source": "file" if file else "copy" if copied else "none",
            "file": file,
            "view": dict(view or {}),
        }
        record = checked(ImageRecord, values)
        with self._document.lock:  # the hashing thread changes records too
            self._document.change(images=(*self._document.state.images, record))
        if file:
            self._hash(record)
        elif copied:
            kept, target = array, self._copy_of(record.id)
            self._disk.submit(f"copy {record.id}", lambda: files.copy_array(kept, target, name))
        else:
            self._note(files.not_kept(name))
        return record

    @abstractmethod
    def remove_labels(self, id: str) -> None:
        """See :class:`LabelPart`."""

    def update_image(self, id: str, **fields: Any) -> ImageRecord:
        """Change fields of a record (``name``, ``spacing``, ``view``, ...)."""
        with self._document.lock:
            record = replaced(self._image(id), fields)
            images = (record if r.id == id else r for r in self._document.state.images)
            self._document.change(images=tuple(images))
        return record

    def replace_pixels(self, id: str, array: ArrayLike) -> None:
        """The image has other pixels now, of the same shape: a copy of them is kept.

        It is written in the background; a note says so where the image had a file, or that the
        pixels are too large to be copied.
        """
        record = self._image(id)
        if files.too_large(array):
            self._note(files.pixels_not_kept(record.name))
            return
        target, dtype = self._copy_of(id), np.dtype(array.dtype).str

        def copy() -> None:
            # The copy first: until it is there, a killed napari leaves the image as it was.
            files.copy_array(array, target, record.name)
            self.update_image(id, source="copy", file=None, dtype=dtype)
            if record.file is not None:
                self._note(files.pixels_kept(record.name))

        self._disk.submit(f"copy {id}", copy)

    def remove_image(self, id: str) -> None:
        """Forget an image and its labels; the user's file stays."""
        self._image(id)
        for labels in self._document.state.labels:
            if labels.image == id:
                self.remove_labels(labels.id)
        with self._document.lock:
            others = tuple(r for r in self._document.state.images if r.id != id)
            self._document.change(images=others)
        self._copy_of(id).unlink(missing_ok=True)

    def locate_image(self, id: str, path: str | Path) -> ImageRecord:
        """Say where a missing image is now. Raises UserError when its shape is another."""
        record = self._image(id)
        file = files.refer(Path(path), self.folder)
        moved = replaced(record, {"source": "file", "file": file})
        files.open_record(moved, self.folder, self._copy_of(id))
        if record.file is not None:
            moved = replaced(moved, {"file": replaced(file, {"sha256": record.file.sha256})})
        self.update_image(id, source="file", file=moved.file)
        self._hash(moved)
        return moved

    def open_image(self, id: str) -> Image:
        """The image, not loaded whole. Raises UserError when it is missing or does not fit."""
        record = self._image(id)
        if record.source == "copy":
            self._disk.wait()
        return files.open_record(record, self.folder, self._copy_of(id))

    def _image(self, id: str) -> ImageRecord:
        if id not in self.images:
            raise UserError(f"The project {self.folder} has no image {id}.")
        return self.images[id]

    def _copy_of(self, id: str) -> Path:
        return inside(self.folder, "images", f"{id}.npy")

    def _check_images(self) -> None:
        """Tell which files are missing, and hash those that moved or changed."""
        for record in self.images.values():
            if record.file is None:
                continue
            path = files.locate(record.file, self.folder)
            if path is None:
                self._note(files.missing(record.name, record.file))
                continue
            now = files.refer(path, self.folder, record.file)
            if now != record.file or (now.size is not None and now.sha256 is None):
                self._hash(record)

    def _hash(self, record: ImageRecord) -> None:
        self._hashing.submit(f"hash {record.id}", lambda: self._hash_now(record))

    def _hash_now(self, record: ImageRecord) -> None:
        """Complete the reference; a note when the file is not the one that was added."""
        if record.file is None:
            return
        path = files.locate(record.file, self.folder)
        if path is None or not path.is_file():
            return
        found = files.refer(path, self.folder)
        digest = files.sha256(path, self._closing.is_set)
        if digest is None:
            return
        if record.file.sha256 not in (None, digest):
            self._note(
                f"The image {record.name} ({path}) was changed since it was added to the project: "
                "check that its labels still fit."
            )
        elif record.id in self.images:
            self.update_image(record.id, file=replaced(found, {"sha256": digest}))
