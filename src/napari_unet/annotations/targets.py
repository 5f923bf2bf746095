"""What the network shall learn, made from labels of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED, LabelKind


@dataclass(frozen=True)
class Target:
    """Class map and, for labels of kind objects, ids; both of the spatial shape of the labels.

    ``classes``: uint8, class index, ``UNLABELLED`` (255) where nothing was labelled.
    ``objects``: int32 ids in which no two objects touch any more, 0 = background; None for other
    kinds. The boundary weight map is computed from them.
    """

    classes: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.int32] | None = None


def make_target(
    labels: npt.NDArray[Any],
    kind: LabelKind,
    *,
    complete: bool,
    regions: npt.NDArray[Any] | None = None,
) -> Target:
    """Class map and objects to train on, from integer labels of shape (y, x) or (z, y, x).

    What was not labelled is not background: with ``complete`` False, pixels of value 0 are
    background only inside ``regions`` (non-zero = fully annotated, same shape) and not labelled
    elsewhere. ``complete`` True says that the whole array is annotated and makes ``regions``
    irrelevant; it does not apply to scribbles, whose 0 always means "not labelled" outside regions.
    The line that is put between touching objects is background wherever they lie: somebody drew
    both of its sides.
    """
    annotated = np.zeros(labels.shape, bool) if regions is None else np.asarray(regions) != 0
    if complete and kind != "scribbles":
        annotated = np.ones(labels.shape, bool)
    if kind == "objects":
        objects = separate_touching(labels)
        classes = (objects != 0).astype(np.uint8)
        classes[(labels == 0) & ~annotated] = UNLABELLED
        return Target(classes, objects)
    if kind == "scribbles":
        classes = np.where(labels == 0, 0, labels - np.ones((), labels.dtype)).astype(np.uint8)
    else:
        classes = labels.astype(np.uint8)
    classes[(labels == 0) & ~annotated] = UNLABELLED
    return Target(classes)


def separate_touching(objects: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Put a line of background where two objects touch, diagonals included.

    Of two adjacent pixels with different ids, the one with the larger id becomes background, so
    that the line takes its pixels from one side only and is one pixel thin. An object that would
    vanish altogether (one or two pixels between others) keeps its pixels where that leaves no two
    ids adjacent, and its neighbours give way instead. All other pixels keep their id; objects that
    touch nothing stay as they are.
    """
    ids = np.asarray(objects).astype(np.int32)
    lost = _loses(ids)
    separated = np.where(lost, np.int32(0), ids)
    if not lost.any():
        return separated
    vanished = np.setdiff1d(ids[lost], separated)
    if vanished.size:
        _rescue(ids, separated, vanished)
    return separated


def _neighbours(ndim: int) -> list[tuple[int, ...]]:
    """Half of the 3^d - 1 offsets; the other half are their negatives."""
    offsets = product((-1, 0, 1), repeat=ndim)
    return [offset for offset in offsets if offset > (0,) * ndim]


def _pair_of_views(offset: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of an array that lay every pixel over its neighbour at ``offset``."""
    here = tuple(slice(max(0, -o), -o if o > 0 else None) for o in offset)
    there = tuple(slice(max(0, o), o if o < 0 else None) for o in offset)
    return here, there


def _loses(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels that have a neighbour with a smaller id other than background."""
    lost = np.zeros(ids.shape, bool)
    for offset in _neighbours(ids.ndim):
        here, there = _pair_of_views(offset)
        a, b = ids[here], ids[there]
        both = (a != 0) & (b != 0)
        lost[here] |= both & (b < a)
        lost[there] |= both & (a < b)
    return lost


def _rescue(
    ids: npt.NDArray[np.int32], separated: npt.NDArray[np.int32], vanished: npt.NDArray[np.int32]
) -> None:
    """Give each vanished object one pixel back, in place, where no other object vanishes by it."""
    numbers, counts = np.unique(separated, return_counts=True)
    left = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    back: set[int] = set()
    for pixel in np.argwhere(np.isin(ids, vanished)):
        number = int(ids[tuple(pixel)])
        if number in back:
            continue
        window = separated[tuple(slice(max(0, p - 1), p + 2) for p in pixel)]
        others, cost = np.unique(window[window != 0], return_counts=True)
        if all(left[o] > c for o, c in zip(others.tolist(), cost.tolist(), strict=True)):
            for other, lost in zip(others.tolist(), cost.tolist(), strict=True):
                left[other] -= lost
            window[...] = 0
            separated[tuple(pixel)] = number
            left[number] = 1
            back.add(number)
