"""Several arrays in one flat array of bytes that the GUI allocated. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError

ALIGNED = 64


def pack(parcel: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
    """Write ``arrays`` into ``parcel`` (uint8, 1D); returns name: [offset, dtype, shape] as JSON.

    :class:`UserError` where they do not fit.
    """
    contents: dict[str, list[Any]] = {}
    place = 0
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array)
        if place + plain.nbytes > len(parcel):
            raise UserError(
                "The tiles are too large to be shown: choose a smaller tile in the settings."
            )
        parcel[place : place + plain.nbytes] = plain.reshape(-1).view(np.uint8)
        contents[name] = [place, plain.dtype.str, list(array.shape)]
        place += -(-plain.nbytes // ALIGNED) * ALIGNED
    return contents


def unpack(parcel: Any, contents: Mapping[str, list[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Copies of what :func:`pack` wrote."""
    arrays = {}
    for name, (place, dtype, shape) in contents.items():
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays[name] = np.array(parcel[place : place + size]).view(dtype).reshape(shape)
    return arrays
