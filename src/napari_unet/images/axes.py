"""Names of array axes: the letters t (time), z, c (channel), y, x."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unet.errors import UserError

CANONICAL = "tzcyx"

Box = tuple[tuple[int, int], ...]
"""((start, stop), ...) in pixels, by spatial axis: (y, x) or (z, y, x)."""
Index = tuple[int, ...]
"""Position along the leading axes; () for an image without any."""

_COLOUR = (3, 4)


def guess_axes(shape: Sequence[int], rgb: bool | None = None) -> str:
    """Axes of an array of which only the shape is known.

    2D is yx, 3D zyx, 4D tzyx, 5D tzcyx. A last axis of 3 or 4 after at least two others is colour:
    yxc or zyxc. ``rgb`` overrules that guess: True = the last axis is colour, False = it is not.

    Raises
    ------
    UserError
        With less than 2 or more than 5 dimensions.
    """
    ndim = len(shape)
    colour = rgb if rgb is not None else ndim in (3, 4) and shape[-1] in _COLOUR
    known = (
        {3: "yxc", 4: "zyxc", 5: "tzyxc"} if colour else {2: "yx", 3: "zyx", 4: "tzyx", 5: "tzcyx"}
    )
    if ndim not in known:
        raise UserError(
            f"An array of shape {tuple(shape)} is no image: "
            "2 to 5 dimensions are needed (t, z, c, y, x)."
        )
    return known[ndim]


def check_axes(axes: str, ndim: int) -> str:
    """``axes`` in lower case, when they name ``ndim`` dimensions.

    Raises
    ------
    UserError
        Unknown or repeated letters, y or x missing, or another number of letters than ``ndim``.
    """
    lower = axes.lower()
    if set(lower) - set(CANONICAL) or len(set(lower)) != len(lower) or not {"y", "x"} <= set(lower):
        raise UserError(
            f"The axes {axes!r} are not understood: use each of the letters t, z, c, y, x "
            "at most once, y and x always."
        )
    if len(lower) != ndim:
        raise UserError(
            f"The axes {axes!r} name {len(lower)} dimensions, but the image has {ndim}: "
            "give one letter for each."
        )
    return lower
