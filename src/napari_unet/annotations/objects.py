"""Objects (instances) from masks and from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_unet.annotations.holes import fill_holes
from napari_unet.annotations.splitting import split

DROPPED_BELOW = 0.1
"""Objects smaller than this part of the median labelled one are dropped."""


def components(mask: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Connected components of ``mask`` != 0, numbered 1, 2, ..; int32 of the same shape.

    Pixels are connected by edges (4 neighbours in 2D) or faces (6 in 3D), not by corners: so a
    diagonal line of background still separates.
    """
    found, _ = ndimage.label(np.asarray(mask) != 0, output=np.int32)
    return np.asarray(found, np.int32)


def renumber(objects: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The same objects with ids 1, 2, .. without gaps, in the order of the old ids."""
    ids = np.asarray(objects)
    if not ids.size:
        return ids.astype(np.int32)
    if int(ids.max()) > 4 * ids.size:  # a table of all ids up to the largest would be wasteful
        numbers, inverse = np.unique(ids, return_inverse=True)
        return np.asarray(inverse.reshape(ids.shape) + (numbers[0] != 0), np.int32)
    present = np.bincount(ids.ravel()) > 0
    present[0] = False
    table = np.where(present, np.cumsum(present), 0).astype(np.int32)
    return np.asarray(table[ids], np.int32)


def drop_small(objects: npt.NDArray[Any], min_size: int) -> npt.NDArray[np.int32]:
    """Without the objects of fewer than ``min_size`` pixels; the others keep their ids."""
    ids = np.asarray(objects).astype(np.int32)
    if min_size <= 1:
        return ids
    numbers = renumber(ids)
    large = np.bincount(numbers.ravel()) >= min_size
    return np.where(large[numbers], ids, np.int32(0))


def grow_back(
    objects: npt.NDArray[Any], foreground: npt.NDArray[Any] | None, distance: float = 1.5
) -> npt.NDArray[np.int32]:
    """Give the pixels of the separating lines back to the nearest object.

    ``foreground`` != 0 says where objects may grow (None: everywhere); both arrays have the shape
    (y, x) or (z, y, x). Objects grow by at most ``distance`` pixels (1.5 takes the diagonal
    neighbours) and never into one another.
    """
    ids = np.asarray(objects).astype(np.int32)
    grown = np.asarray(expand_labels(ids, distance), np.int32)
    if foreground is not None:
        grown = np.where((np.asarray(foreground) != 0) | (ids != 0), grown, np.int32(0))
    return np.asarray(grown, np.int32)


def objects_from_probability(
    probability: npt.NDArray[Any],
    min_size: int = 0,
    separated: bool = True,
    *,
    split_depth: float = 0.0,
    largest_hole: int = 0,
    voxel: Sequence[float] = (),
) -> npt.NDArray[np.int32]:
    """Instances over all foreground classes; int32 (y, x) or (z, y, x), ids 1, 2, .. without gaps.

    ``probability``: (class, y, x) or (class, z, y, x), class 0 = background. Foreground is where
    another class is the most probable, and enclosed background of at most ``largest_hole`` pixels.
    The objects are its connected components, with ``split_depth`` > 0 cut at their necks (for it
    and ``voxel`` see :func:`~napari_unet.annotations.splitting.split`), of at least ``min_size``
    pixels. With ``separated`` the network has learned lines of background between touching objects:
    gaps of one or two pixels between objects are then given back to them; the outer edges stay
    where they are.
    """
    foreground = fill_holes(np.argmax(probability, axis=0) != 0, largest_hole)
    objects = split(foreground, split_depth, voxel) if split_depth > 0 else components(foreground)
    objects = drop_small(objects, min_size)
    if separated:
        objects = grow_back(objects, _narrow_gaps(objects))
    return renumber(objects)


def _narrow_gaps(objects: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Background between two different objects that are one or two pixels apart."""
    largest = ndimage.maximum_filter(objects, size=5)
    some = np.where(objects == 0, np.iinfo(np.int32).max, objects)
    smallest = ndimage.minimum_filter(some, size=5)
    meeting = (objects == 0) & (largest > 0) & (largest != smallest)
    # Morphological closing: without it objects would also grow around the ends of the gap.
    window = np.ones((3,) * objects.ndim, bool)
    thick = ndimage.binary_dilation(objects != 0, window)
    closed = ndimage.binary_erosion(thick, window, border_value=1)
    return np.asarray(meeting & closed, bool)
