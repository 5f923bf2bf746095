"""What callers may hand over in place of the types that are asked for."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import ArrayLike, Image
from napari_unet.model.header import Header


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


def image_for(header: Header, image: Image | ArrayLike, axes: str | None, name: str) -> Image:
    """See :meth:`napari_unet.model.model.Model.as_image`."""
    if isinstance(image, Image):
        if image.dims != header.dims:
            image = replace(image, dims=header.dims, spacing=None)
    else:
        image = array_like(image, name)
        chosen = axes or _axes_for(header, len(image.shape), name)
        image = Image(name, image, chosen, header.dims)
    if image.channels != header.in_channels:
        raise UserError(
            f"The model was trained on {_channels(header.in_channels)}, {image.name} has "
            f"{image.channels} (axes {image.axes}); give it images with the same channels as "
            f"in training, or say what the axes are."
        )
    return image


def _axes_for(header: Header, ndim: int, name: str) -> str:
    axes = header.axes
    leading = [a for a in axes if a not in "cyx" and not (a == "z" and header.dims == 3)]
    too_many = len(axes) - ndim
    if not 0 <= too_many <= len(leading):
        raise UserError(
            f"The model was trained on images with the axes {axes}, {name} has {ndim} "
            f"dimensions: pass axes='...' with one letter of tzcyx for each of them."
        )
    return "".join(a for a in axes if a not in leading[:too_many])


def _channels(n: int) -> str:
    return "1 channel" if n == 1 else f"{n} channels"
