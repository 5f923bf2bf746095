"""Enclosed background: what is filled, and what the objects truly have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED

SPECK = 0.01
"""Part of its object below which a labelled hole is a slip of the brush."""
TOLERATED = 0.02
"""Holes, as a part of the number of objects, that may be filled by mistake."""
MARGIN = 0.5
"""Of the smallest true hole: predicted ones are often smaller than labelled ones."""


def fill_holes(mask: npt.NDArray[np.bool_], largest: int) -> npt.NDArray[np.bool_]:
    """``mask`` with enclosed background of at most ``largest`` pixels filled.

    Background hangs together by corners, as objects do not: else each pixel of a thin oblique line
    between two objects would be a hole of its own.
    """
    if largest < 1:
        return mask
    holes, sizes, enclosed = _background(mask)
    return np.asarray(mask | (enclosed & (sizes <= largest))[holes], bool)


def hole_sizes(classes: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], int]:
    """Pixels of each hole of the objects in a class map, and how many objects there are.

    A hole is enclosed by one object, all of it known to be background, and no speck.
    """
    mask = (classes != 0) & (classes != UNLABELLED)
    whole, objects = ndimage.label(mask)
    holes, sizes, enclosed = _background(mask)
    enclosed[np.unique(holes[classes == UNLABELLED])] = False
    flat = holes.ravel()
    places = np.flatnonzero(enclosed[flat])[::-1]
    first = np.zeros(len(sizes), np.int64)
    first[flat[places]] = places
    found = np.flatnonzero(enclosed)
    # What lies before the first pixel of a hole encloses it: an island in it begins further on.
    owners = whole.ravel()[first[found] - 1]
    large = sizes[found] >= SPECK * np.bincount(whole.ravel())[owners]
    return np.asarray(sizes[found][large], np.int64), objects


def learn_largest_hole(holes: npt.NDArray[np.int64], objects: int, size: float) -> int:
    """Up to how many pixels holes are filled, so that those of the labelled objects stay open.

    ``holes`` are the sizes of the holes of ``objects`` labelled ones (:func:`hole_sizes`), ``size``
    is the median of their own: more is never filled.
    """
    spared = int(TOLERATED * objects)
    if len(holes) <= spared:
        return round(size)
    return min(round(size), int(MARGIN * np.sort(holes)[spared]))


def _background(
    mask: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Pieces of background (0 = ``mask``), how large each is, and whether the mask encloses it."""
    pieces, _ = ndimage.label(~mask, np.ones((3,) * mask.ndim))
    sizes = np.bincount(pieces.ravel())
    enclosed = np.ones(len(sizes), bool)
    enclosed[0] = False
    for axis in range(mask.ndim):
        for end in (0, -1):
            enclosed[np.unique(pieces.take(end, axis))] = False  # open at the border of the image
    return pieces, sizes, enclosed
