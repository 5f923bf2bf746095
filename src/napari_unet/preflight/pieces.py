"""The pieces that labels of a plane fall into, and what can be done about wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label

from napari_unet.annotations.objects import renumber
from napari_unet.annotations.splitting import split

Array = npt.NDArray[Any]
SPECK = 4
"""Pixels up to which a piece is a slip of the brush."""
SPECK_PART = 0.02
"""Of the median object: what is smaller is a slip as well."""
MERGED = 1.6
"""Times the median area from which an object may be two."""
NECK = 2.5
"""Depth, in pixels, of the neck at which it is cut; see annotations.splitting."""
HALF = 0.35
"""Of the median area: both halves of a merged object are at least so large."""


def pieces_of(plane: Array, background: int = 0) -> tuple[Array, Array, Array]:
    """Connected pieces of equal value, 1, 2, ..; their areas and values, by number, 0 first.

    Corners connect: an object that hangs together by a corner only was drawn as one.
    """
    pieces = label(plane, background=background, connectivity=plane.ndim)
    areas = np.bincount(pieces.ravel())
    owners = np.zeros(len(areas), plane.dtype)
    owners[pieces.ravel()] = plane.ravel()
    owners[0] = 0
    areas[0] = 0
    return pieces, areas, owners


def median_size(labels: Array, dims: int) -> float:
    """Median area of the pieces that are no specks."""
    areas = []
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        found = pieces_of(labels[index])[1]
        areas.append(found[found > SPECK])
    every = np.concatenate(areas) if areas else np.zeros(0)
    return float(np.median(every)) if every.size else 0.0


def is_small(areas: Array, sizes: float) -> npt.NDArray[np.bool_]:
    return np.asarray((areas > 0) & ((areas <= SPECK) | (areas < SPECK_PART * sizes)))


def second_pieces(owners: Array, areas: Array, large: Array) -> Array:
    """Of the large pieces, those whose id has a larger one."""
    order = large[np.lexsort((-areas[large], owners[large]))]
    again = np.zeros(len(order), bool)
    again[1:] = owners[order][1:] == owners[order][:-1]
    return order[again]


def holes_of(plane: Array, sizes: float) -> tuple[list[Any], Array]:
    """Boxes of the pieces of background, and the numbers of those that are tiny and enclosed."""
    empty, _ = ndimage.label(plane == 0)
    areas = np.bincount(empty.ravel())
    areas[0] = 0
    small = is_small(areas, sizes)
    for axis in range(plane.ndim):
        for end in (0, -1):
            small[np.unique(empty.take(end, axis))] = False
    boxes = ndimage.find_objects(empty)
    enclosed = [
        number
        for number in map(int, np.flatnonzero(small))
        if _rim(plane, empty, boxes[number - 1], number)
    ]
    return boxes, np.array(enclosed, int)


def _rim(plane: Array, empty: Array, box: tuple[slice, ...], number: int) -> bool:
    """Whether only one object lies around a piece of background: else it is a gap."""
    wider = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
    inside = empty[wider] == number
    around = ndimage.binary_dilation(inside) & ~inside
    return len(np.unique(plane[wider][around])) == 1


def halves_of(mask: Array, sizes: float) -> Array | None:
    """The parts of an object that looks like several; None where it does not."""
    parts = split(np.pad(mask, 1), NECK)
    parts = parts[(slice(1, -1),) * mask.ndim]
    areas = np.bincount(parts.ravel())[1:]
    areas = areas[areas > 0]
    return parts if len(areas) > 1 and areas.min() >= HALF * sizes else None


def background_id(plane: Array) -> int:
    """An id that fills much of the plane and touches every side, among others: else 0."""
    values, counts = np.unique(plane, return_counts=True)
    ids = values[values != 0]
    if len(ids) < 2:
        return 0
    number = int(ids[counts[values != 0].argmax()])
    part = (plane == number).mean()
    sides = [
        bool((plane.take(end, axis) == number).any())
        for axis in range(plane.ndim)
        for end in (0, -1)
    ]
    runner_up = np.sort(counts[values != 0])[-2] / plane.size
    return number if part > 0.3 and all(sides) and part > 3 * runner_up else 0


def without_specks(labels: Array, dims: int, sizes: float, background: int = 0) -> Array:
    made = labels.copy()
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        pieces, areas, _ = pieces_of(labels[index], background)
        small = is_small(areas, sizes)[pieces]
        made[index] = _nearest(labels[index], small)
    return made


def without_holes(labels: Array, dims: int, sizes: float) -> Array:
    made = labels.copy()
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        plane = labels[index]
        empty, _ = ndimage.label(plane == 0)
        made[index] = _nearest(plane, np.isin(empty, holes_of(plane, sizes)[1]))
    return made


def _nearest(plane: Array, replaced: Array) -> Array:
    """Where ``replaced`` is True, the value of the nearest pixel where it is not."""
    if not replaced.any() or replaced.all():
        return plane
    where = ndimage.distance_transform_edt(replaced, return_distances=False, return_indices=True)
    return np.asarray(plane[tuple(where)])


def with_room(labels: Array) -> npt.NDArray[np.int32]:
    """A copy as int32 in which every pixel could get an id of its own.

    Ids that are too large for that become 1, 2, ..: they would wrap around to others.
    """
    most = np.iinfo(np.int32).max - labels.size
    return renumber(labels) if int(labels.max(initial=0)) > most else labels.astype(np.int32)


def separated(labels: Array, dims: int, sizes: float) -> Array:
    made = with_room(labels)
    last = int(made.max())
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        pieces, areas, owners = pieces_of(labels[index])
        large = np.flatnonzero(~is_small(areas, sizes) & (owners > 0))
        for number in second_pieces(owners, areas, large):
            last += 1
            made[index][pieces == number] = last
    return made


def cut_at_necks(labels: Array, dims: int, sizes: float) -> Array:
    made = with_room(labels)
    last = int(made.max())
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        pieces, areas, _ = pieces_of(labels[index])
        boxes = ndimage.find_objects(pieces)
        for number in np.flatnonzero(areas > MERGED * sizes):
            box = boxes[number - 1]
            parts = halves_of(pieces[box] == number, sizes)
            if parts is None:
                continue
            for part in np.unique(parts[parts > 0])[1:]:
                last += 1
                made[index][box][parts == part] = last
    return made
