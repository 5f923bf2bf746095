"""A whole labels array in a file: compressed ``.npz`` that runs no code when it is read."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.project.schema import LABEL_DTYPES
from napari_unet.usable_memory import total_memory

LabelArray = npt.NDArray[np.integer] | npt.NDArray[np.bool_]

_MEMBER = "labels.npy"
_PROBLEMS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def check_memory(shape: tuple[int, ...], dtype: np.dtype[np.generic], name: str) -> None:
    """Raise UserError when an array of this size cannot fit in this computer's memory."""
    needed = float(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    total = total_memory()
    if needed > total:
        raise UserError(
            f"The labels {name} need {needed / 2**30:.1f} GB of memory; "
            f"this computer has {total / 2**30:.1f} GB."
        )


def write_snapshot(file: BinaryIO, array: LabelArray) -> None:
    """Write a compressed ``.npz`` with the member ``labels``, which ``numpy.load`` reads."""
    # Level 1: labels are mostly flat, so that higher levels cost much and gain little.
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(_MEMBER, "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read_header(path: Path, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and dtype of a snapshot, before anything of its size is allocated. Raises UserError."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError("unknown version of the array")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
    except _PROBLEMS as error:
        raise _unreadable(path, name) from error
    if fortran or dtype.name not in LABEL_DTYPES or min(shape, default=0) < 1:
        raise _unreadable(path, name)
    return shape, dtype


def read_snapshot(path: Path, name: str) -> LabelArray:
    """The array of a snapshot, checked to its last byte. Raises UserError when it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            array: LabelArray = np.lib.format.read_array(member, allow_pickle=False)
            if member.read(1):  # reads to the end, where zipfile checks the CRC
                raise ValueError("more than one array")
    except _PROBLEMS as error:
        raise _unreadable(path, name) from error
    return array


def _unreadable(path: Path, name: str) -> UserError:
    return UserError(f"The labels {name} cannot be read: {path} is damaged.")
