"""What callers may hand over in place of the types that are asked for."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike


def tile_size(tile: Any, dims: int) -> int | tuple[int, ...] | None:
    """A wished tile size as plain numbers: any whole number, numpy's too, or one for each axis.

    Raises
    ------
    UserError
        It is neither.
    """
    if tile is None:
        return None
    try:
        return operator.index(tile)
    except TypeError:
        pass
    try:
        sides = tuple(operator.index(side) for side in tile)
    except TypeError:
        sides = ()
    if len(sides) != dims:
        raise UserError(
            f"A tile size of {tile!r} is not possible: give a whole number of pixels, or one for "
            f"each of the {dims} axes."
        )
    return sides


def array_like(image: Any, name: str) -> ArrayLike:
    """``image`` itself where it is like an array, else what numpy makes of it, of a list say.

    Raises
    ------
    UserError
        Rows of different lengths.
    """
    if hasattr(image, "shape"):
        found: ArrayLike = image
        return found
    try:
        return np.asarray(image)
    except ValueError as error:
        raise UserError(f"{name} is no array: its rows differ in length.") from error
