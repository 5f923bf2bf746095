"""Overlap of class maps: confusion matrix, IoU, Dice, pixel error, volume. 2D and 3D."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError


def confusion(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], n_classes: int, ignore: int | None = None
) -> npt.NDArray[np.int64]:
    """Pixels by (class in ``truth``, class in ``prediction``): (n_classes, n_classes).

    Both arrays hold class indices and have one shape. Where the truth is ``ignore``, pixels are
    left out.

    Raises
    ------
    UserError
        The shapes differ, or a class index is not below ``n_classes``.
    """
    if prediction.shape != truth.shape:
        raise UserError(
            f"The prediction has the size {prediction.shape}, the truth {truth.shape}: "
            "they must be equal."
        )
    kept = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    of, to = truth[kept].astype(np.int64), prediction[kept].astype(np.int64)
    for what, values in (("truth", of), ("prediction", to)):
        if values.size and not 0 <= values.min() <= values.max() < n_classes:
            raise UserError(
                f"The {what} holds class {values.max()}; classes go to {n_classes - 1}."
            )
    table = np.bincount(of * n_classes + to, minlength=n_classes * n_classes)
    return table.reshape(n_classes, n_classes)


def iou(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Intersection over union by class, TP / (TP + FP + FN); nan for a class absent in both."""
    hits = np.diag(table)
    return _divided(hits, table.sum(0) + table.sum(1) - hits)


def dice(table: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Dice coefficient by class, 2 TP / (2 TP + FP + FN); nan for a class absent in both."""
    return _divided(2 * np.diag(table), table.sum(0) + table.sum(1))


def foreground(table: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The table of background (class 0) against everything else, (2, 2)."""
    rest = table[1:, 1:].sum()
    return np.array([[table[0, 0], table[0, 1:].sum()], [table[1:, 0].sum(), rest]], np.int64)


def pixel_error(table: npt.NDArray[np.int64]) -> float:
    """Part of the pixels that have another class than in the truth; nan without pixels."""
    total = int(table.sum())
    return float(total - np.trace(table)) / total if total else float("nan")


def volume_difference(table: npt.NDArray[np.int64]) -> float:
    """(predicted - true) / true foreground pixels of a table; negative where too little is found.

    0 where neither has foreground, nan where only the prediction has.
    """
    predicted, true = int(table[:, 1:].sum()), int(table[1:].sum())
    if not true:
        return float("nan") if predicted else 0.0
    return (predicted - true) / true


def _divided(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
