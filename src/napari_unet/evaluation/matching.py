"""Objects against objects: which were found, and how many were not. 2D and 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array

from napari_unet.errors import UserError


@dataclass(frozen=True)
class Matching:
    """Objects found (``tp``), invented (``fp``) and missed (``fn``)."""

    tp: int
    fp: int
    fn: int

    @property
    def ap(self) -> float:
        """TP / (TP + FP + FN), as in the Data Science Bowl 2018; nan without any objects."""
        total = self.tp + self.fp + self.fn
        return self.tp / total if total else float("nan")

    def __add__(self, other: Matching) -> Matching:
        return Matching(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


def overlaps(prediction: npt.NDArray[Any], truth: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """IoU of every object of ``truth`` (rows) with every one of ``prediction`` (columns).

    Ids may be any integers, 0 is background. Raises UserError when the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise UserError(
            f"The prediction has the size {prediction.shape}, the truth {truth.shape}: "
            "they must be equal."
        )
    ids_t, of = np.unique(truth, return_inverse=True)
    ids_p, to = np.unique(prediction, return_inverse=True)
    ones = np.ones(of.size, np.int64)
    shared = coo_array((ones, (of.ravel(), to.ravel())), shape=(len(ids_t), len(ids_p))).toarray()
    union = shared.sum(1)[:, None] + shared.sum(0)[None] - shared
    return np.asarray((shared / np.maximum(union, 1))[ids_t != 0][:, ids_p != 0])


def average_precision(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], threshold: float = 0.5
) -> Matching:
    """Match objects one to one so that as many pairs as possible reach IoU >= ``threshold``.

    Above 0.5 every object has at most one partner; at and below, the assignment is optimal
    (Hungarian method; of equally many pairs, those with the greatest sum of IoU).
    """
    iou = overlaps(prediction, truth)
    hits = 0
    if iou.size:
        # One more pair always outweighs any sum of IoUs.
        gain = np.where(iou >= threshold, 1 + iou / (2 * min(iou.shape)), 0)
        rows, columns = linear_sum_assignment(gain, maximize=True)
        hits = int((iou[rows, columns] >= threshold).sum())
    return Matching(hits, iou.shape[1] - hits, iou.shape[0] - hits)
