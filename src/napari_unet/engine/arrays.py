"""Opening what an :class:`~napari_unet.engine.protocol.ArrayRef` points to. Free of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr

from napari_unet.engine.protocol import ArrayRef
from napari_unet.errors import UserError


def open_array(ref: ArrayRef, *, writable: bool = False) -> Any:
    """Map the array behind a reference: ``np.memmap`` or a zarr array, never read whole.

    Raises :class:`UserError` when it is gone or is no array.
    """
    try:
        if ref.kind == "npy":
            return np.load(ref.path, mmap_mode="r+" if writable else "r")
        opened = zarr.open(ref.path, mode="r+" if writable else "r")
        array = opened[ref.component] if ref.component else opened
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"The array {ref.path} cannot be opened: {error}.") from error
    if not isinstance(array, zarr.Array):
        raise UserError(
            f"{ref.path} is a zarr group, not an array: name the array inside it, for example '0'."
        )
    return array
