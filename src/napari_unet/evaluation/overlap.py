"""Scores by pixel: IoU, Dice, pixel error, all from one table of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]


def confusion(
    prediction: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    n_classes: int,
    ignore: int | None = None,
) -> Table:
    """Number of pixels by [truth, prediction]; int64 of shape (n_classes, n_classes).

    Both arrays hold class indices below ``n_classes`` and have the same shape, which is free.
    Pixels in which ``truth`` is ``ignore`` are left out. Tables of several images may be added.
    """
    prediction, truth = np.asarray(prediction).ravel(), np.asarray(truth).ravel()
    if ignore is not None:
        counted = truth != ignore
        prediction, truth = prediction[counted], truth[counted]
    pairs = truth.astype(np.int64) * n_classes + prediction
    table = np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)
    return table.astype(np.int64)


def iou(confusion: Table) -> npt.NDArray[np.float64]:
    """Intersection over union (Jaccard index) of each class; nan if it is absent in both."""
    shared, truth, prediction = _counts(confusion)
    return _ratio(shared, truth + prediction - shared)


def dice(confusion: Table) -> npt.NDArray[np.float64]:
    """Dice coefficient (F1 score) of each class; nan if it is absent in both."""
    shared, truth, prediction = _counts(confusion)
    return _ratio(2 * shared, truth + prediction)


def pixel_error(confusion: Table) -> float:
    """Part of the pixels with a wrong class, 0..1; nan without pixels."""
    wrong = confusion.sum() - np.trace(confusion)
    return float(_ratio(wrong, confusion.sum()))


def foreground(confusion: Table) -> Table:
    """The same counts with all classes but background (0) taken together; shape (2, 2)."""
    starts = [0, 1]
    return np.asarray(np.add.reduceat(np.add.reduceat(confusion, starts, 0), starts, 1), np.int64)


def _counts(confusion: Table) -> tuple[Table, Table, Table]:
    return np.diagonal(confusion), confusion.sum(1), confusion.sum(0)


def _ratio(part: Any, whole: Any) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(part, whole, dtype=np.float64))
