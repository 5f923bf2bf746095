"""Images of a project: pointed to where they have a file, copied where they have none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike, Image
from napari_unet.images.reading import read_image
from napari_unet.project.files import atomic, disk_error
from napari_unet.project.schema import FileReference, ImageRecord

MAX_COPY_BYTES = 2 * 2**30
"""Largest image without a file that is copied into a project."""

_PIECE = 8 * 2**20


def refer(path: Path, folder: Path, known: FileReference | None = None) -> FileReference:
    """A reference to ``path`` seen from ``folder``; the ``known`` hash stays if the file did."""
    path = path.absolute()
    try:
        relative = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        relative = None
    size = mtime = sha256 = None
    if path.is_file():
        status = path.stat()
        size, mtime = status.st_size, status.st_mtime_ns
        if known is not None and (known.size, known.mtime_ns) == (size, mtime):
            sha256 = known.sha256
    return FileReference(
        path=str(path), relative=relative, size=size, mtime_ns=mtime, sha256=sha256
    )


def candidates(file: FileReference, folder: Path) -> Iterator[Path]:
    """Where the file may be: placed as before seen from the project, where it was, or near it.

    The place seen from the project comes first, so that a copied project finds its own copies.
    """
    if file.relative is not None:
        yield Path(os.path.normpath(folder / PurePosixPath(file.relative)))
    yield Path(file.path)
    name = Path(file.path).name
    yield folder / name
    yield folder.parent / name


def locate(file: FileReference, folder: Path) -> Path | None:
    """The first place where it is; None when it is missing."""
    for path in candidates(file, folder):
        try:
            if path.exists():
                return path
        except OSError:  # a path that this system cannot even ask for
            continue
    return None


def sha256(path: Path, cancelled: Callable[[], bool] = lambda: False) -> str | None:
    """Hash of a file, read piece by piece; None when cancelled. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if cancelled():
                return None
            digest.update(piece)
    return digest.hexdigest()


def is_file_content(image: Image, array: ArrayLike) -> bool:
    """Whether ``array`` is what the file holds: same shape, dtype and a few hundred sampled pixels.

    A layer may know its file and yet be one channel of it, or the result of a filter.
    """
    if tuple(image.data.shape) != tuple(array.shape) or image.data.dtype != array.dtype:
        return False
    middle = tuple(n // 2 for n in array.shape[:-2])
    plane = tuple(slice(None, None, max(1, n // 24)) for n in array.shape[-2:])
    ours, theirs = (np.asarray(a[middle][plane]) for a in (image.data, array))
    return np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def too_large(array: ArrayLike) -> bool:
    """Whether an array without a file is too large to be copied into a project."""
    size = np.prod(array.shape, dtype=np.float64) * np.dtype(array.dtype).itemsize
    return bool(size > MAX_COPY_BYTES)


def copy_array(array: ArrayLike, path: Path, name: str) -> None:
    """Write ``array`` (computed now if it is lazy) as ``.npy``. Raises UserError."""
    try:
        path.parent.mkdir(exist_ok=True)
        with atomic(path) as file:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    except OSError as error:
        raise disk_error(error, f"The image {name}") from error


def missing(name: str, file: FileReference) -> str:
    """The sentence for an image that is nowhere to be found."""
    return (
        f"The image {name} is missing: it was {file.path}. Put it back, or show where it is now; "
        "its labels are still here."
    )


def not_kept(name: str) -> str:
    """The sentence for an image without a file that was too large to be copied."""
    return (
        f"The image {name} has no file and is too large to be copied into the project: save it as "
        "TIFF or zarr and show where it is; its labels are kept."
    )


def pixels_kept(name: str) -> str:
    """The sentence for an image whose pixels are not those of its file."""
    return (
        f"The pixels of {name} are no longer those of its file: they are kept in the project, "
        "which shows them when it is opened again."
    )


def pixels_not_kept(name: str) -> str:
    """The sentence for such an image that is too large to be copied."""
    return (
        f"The pixels of {name} were replaced and are too large to be copied into the project: it "
        "shows the earlier ones when it is opened again. Save them as TIFF or zarr and open that."
    )


def open_record(record: ImageRecord, folder: Path, copy: Path) -> Image:
    """The image behind a record. Raises UserError when it is missing or has another shape."""
    if record.source == "copy":
        return _open_copy(record, copy)
    if record.file is None:
        raise UserError(not_kept(record.name))
    path = locate(record.file, folder)
    if path is None:
        raise UserError(missing(record.name, record.file))
    image = read_image(path, record.axes, record.dims)
    if tuple(image.data.shape) != record.shape:
        raise UserError(
            f"The image {path} is now {_size(image.data.shape)}, but its labels were made on "
            f"{_size(record.shape)}. Put the old image back; its labels are still here."
        )
    return Image(record.name, image.data, record.axes, record.dims, record.spacing, path)


def _open_copy(record: ImageRecord, path: Path) -> Image:
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"The image {record.name} cannot be read: {path} is missing or damaged."
        ) from error
    # Another type than the record's: the process died after the copy, before the record.
    if data.shape != record.shape or data.dtype.kind not in "buif":
        raise UserError(f"The image {record.name} cannot be read: {path} is another one.")
    return Image(record.name, data, record.axes, record.dims, record.spacing)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
