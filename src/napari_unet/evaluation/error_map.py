"""Where the objects are wrong: a picture of the mistakes, and the list that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.evaluation.object_errors import ErrorKind, ObjectError, find_errors
from napari_unet.images.axes import Box, Index

Array = npt.NDArray[Any]

KINDS: tuple[ErrorKind, ...] = ("missed", "false", "split", "merged")


@dataclass(frozen=True)
class PlacedError:
    """One mistake: pixels of value ``number`` in the map, inside ``box`` of the frame ``index``."""

    number: int
    index: Index
    error: ObjectError
    box: Box

    @property
    def position(self) -> tuple[float, ...]:
        """Pixel (\\*leading, \\*spatial) to go to."""
        return (*self.index, *self.error.centre)


def error_map(
    prediction: Array,
    truth: Array,
    ignore: npt.NDArray[np.bool_] | None = None,
    *,
    dims: int,
    threshold: float = 0.5,
) -> tuple[npt.NDArray[np.int32], list[PlacedError]]:
    """All mistakes of :func:`~napari_unet.evaluation.object_errors.find_errors`, painted.

    Parameters
    ----------
    prediction, truth, ignore
        Ids (\\*leading, \\*spatial) of one shape; the last ``dims`` axes are spatial and every
        position along the others is compared by itself.

    Returns
    -------
    map, errors
        int32 of the same shape: 0 = nothing wrong, n = the mistake of number n. Missed and split
        ones have the shape of the true object, false and merged ones that of the predicted one;
        where two overlap, the smaller is on top. The list is in the order of the numbers.

    Raises
    ------
    UserError
        The shapes differ.
    """
    painted = np.zeros(truth.shape, np.int32)
    placed: list[PlacedError] = []
    for index in np.ndindex(truth.shape[: truth.ndim - dims]):
        left_out = None if ignore is None else ignore[index]
        errors = find_errors(prediction[index], truth[index], left_out, threshold)
        first = len(placed) + 1
        frame, boxes = _paint(prediction[index], truth[index], left_out, errors, first)
        painted[index] = frame
        placed += [
            PlacedError(first + i, tuple(index), error, box)
            for i, (error, box) in enumerate(zip(errors, boxes, strict=True))
        ]
    return painted, placed


def _paint(
    prediction: Array,
    truth: Array,
    ignore: npt.NDArray[np.bool_] | None,
    errors: Sequence[ObjectError],
    first: int,
) -> tuple[npt.NDArray[np.int32], list[Box]]:
    """Numbers from ``first`` for the mistakes of one frame, and the box of each."""
    of_truth: dict[int, int] = {}
    of_found: dict[int, int] = {}
    for number, error in enumerate(errors, first):
        if error.kind in ("missed", "split"):
            of_truth[error.truth[0]] = number
        else:
            of_found[error.prediction[0]] = number
    # An object is missed or split, false or merged, never both: one number by object is enough.
    true, true_size = _numbered(truth, of_truth, ignore)
    found, found_size = _numbered(prediction, of_found, ignore)
    boxes = _boxes(true, found, first, len(errors))
    on_top = (true != 0) & ((found == 0) | (true_size <= found_size))
    return np.where(on_top, true, found), boxes


def _numbered(
    labels: Array, numbers: dict[int, int], ignore: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The number of each pixel's object, 0 = none, and how many pixels that object has."""
    ids, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    table = np.array([numbers.get(int(i), 0) for i in ids], np.int32)
    places = places.reshape(labels.shape)
    numbered = table[places]
    if ignore is not None:
        numbered = np.where(ignore, np.int32(0), numbered)
    return numbered, sizes[places]


def _boxes(true: Array, found: Array, first: int, count: int) -> list[Box]:
    """The box of every number from ``first``; the whole frame for one that is nowhere."""
    everything = tuple((0, n) for n in true.shape)
    boxes: dict[int, Box] = {}
    for numbers in (true, found):
        shifted = np.where(numbers > 0, numbers - (first - 1), 0)
        for i, slices in enumerate(ndimage.find_objects(shifted, count)):
            if slices is not None:
                boxes[i] = tuple((s.start, s.stop) for s in slices)
    return [boxes.get(i, everything) for i in range(count)]
