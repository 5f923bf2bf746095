"""Objects against objects: which were found, and how many were not. 2D and 3D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.evaluation.contingency import Contingency, contingency

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

AP_THRESHOLDS = tuple(n / 100 for n in range(50, 100, 5))
"""0.5, 0.55, .. 0.95, as averaged over by the Data Science Bowl 2018 and COCO."""


@dataclass(frozen=True)
class Matching:
    """Objects found (``tp``), invented (``fp``) and missed (``fn``).

    ``iou_sum`` is the sum of IoU over the objects found. What has no objects at all is nan.
    """

    tp: int
    fp: int
    fn: int
    iou_sum: float = field(default=0.0, compare=False)

    @property
    def ap(self) -> float:
        """TP / (TP + FP + FN), as in the Data Science Bowl 2018."""
        return self._part(self.tp, self.tp + self.fp + self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
        return self._part(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self._part(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self._part(self.tp, self.tp + self.fn)

    @property
    def pq(self) -> float:
        """Panoptic quality, sum of IoU / (TP + FP / 2 + FN / 2): F1 times the mean IoU of TP.

        A. Kirillov et al., "Panoptic segmentation", CVPR 2019; see `panoptic_quality`.
        """
        return self._part(2 * self.iou_sum, 2 * self.tp + self.fp + self.fn)

    def __add__(self, other: Matching) -> Matching:
        return Matching(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.iou_sum + other.iou_sum,
        )

    @staticmethod
    def _part(part: float, whole: float) -> float:
        return part / whole if whole else float("nan")


@dataclass(frozen=True, eq=False)
class Overlaps:
    """IoU of the objects that share pixels, as a sparse table.

    ``iou[k]`` is that of ``truth[rows[k]]`` and ``prediction[columns[k]]``; ``truth`` and
    ``prediction`` are the sorted ids without 0. ``void`` marks predicted objects that do not count
    as invented, see `Contingency.void`.
    """

    truth: Array
    prediction: Array
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    iou: npt.NDArray[np.float64]
    void: Mask

    def pairs(
        self, threshold: float = 0.5, *, strict: bool = False
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Match one to one so that as many pairs as possible have IoU >= ``threshold``.

        Above 0.5 every object has at most one partner; at and below, the assignment is optimal
        (of equally many pairs, those with the greatest sum of IoU). ``strict`` asks for more than
        the threshold. Returns places in ``truth``, places in ``prediction``, and the IoU.
        """
        high = self.iou > threshold if strict else self.iou >= threshold
        rows, columns, iou = self.rows[high], self.columns[high], self.iou[high]
        taken = _assigned(rows, columns, iou)
        return rows[taken], columns[taken], iou[taken]

    def matching(self, threshold: float = 0.5, *, strict: bool = False) -> Matching:
        """Count the pairs of `pairs`, and the objects without one."""
        rows, columns, iou = self.pairs(threshold, strict=strict)
        invented = ~self.void
        invented[columns] = False
        found = len(rows)
        return Matching(
            found, int(invented.sum()), len(self.truth) - found, float(np.sum(iou, initial=0.0))
        )


def measure_overlaps(prediction: Array, truth: Array, ignore: Mask | None = None) -> Overlaps:
    """Overlaps of two arrays of ids, (y, x) or (z, y, x); any integers, 0 is background.

    Where ``ignore`` is True, pixels belong to no object of either, and predicted objects that lie
    mostly there are not counted as invented.

    Raises UserError when the shapes differ.
    """
    return overlaps_of(contingency(prediction, truth, ignore))


def overlaps_of(table: Contingency) -> Overlaps:
    """IoU from counted pixels."""
    true, found = table.truth != 0, table.prediction != 0
    both = true[table.rows] & found[table.columns]
    rows, columns, shared = table.rows[both], table.columns[both], table.counts[both]
    iou = shared / (table.truth_sizes[rows] + table.prediction_sizes[columns] - shared)
    # Places among the ids without 0.
    of, to = np.cumsum(true) - 1, np.cumsum(found) - 1
    return Overlaps(
        table.truth[true],
        table.prediction[found],
        of[rows],
        to[columns],
        np.asarray(iou, np.float64),
        table.void[found],
    )


def overlaps(prediction: Array, truth: Array) -> npt.NDArray[np.float64]:
    """IoU of every object of ``truth`` (rows) with every one of ``prediction`` (columns).

    Ids may be any integers, 0 is background. Raises UserError when the shapes differ.
    """
    sparse = measure_overlaps(prediction, truth)
    iou = np.zeros((len(sparse.truth), len(sparse.prediction)))
    iou[sparse.rows, sparse.columns] = sparse.iou
    return iou


def average_precision(
    prediction: Array, truth: Array, threshold: float = 0.5, ignore: Mask | None = None
) -> Matching:
    """The matching at one threshold, see `Overlaps.matching`; ``ignore`` as in `measure_overlaps`.

    "Average precision" is what the field calls TP / (TP + FP + FN), the matching's ``ap``.
    """
    return measure_overlaps(prediction, truth, ignore).matching(threshold)


def mean_average_precision(
    prediction: Array,
    truth: Array,
    thresholds: Sequence[float] = AP_THRESHOLDS,
    ignore: Mask | None = None,
) -> float:
    """Mean of AP over ``thresholds``; nan without any objects. Arguments as `average_precision`."""
    found = measure_overlaps(prediction, truth, ignore)
    return float(np.mean([found.matching(t).ap for t in thresholds]))


def panoptic_quality(prediction: Array, truth: Array, ignore: Mask | None = None) -> Matching:
    """The matching of panoptic quality: pairs with IoU > 0.5, which are unique; take its ``pq``."""
    return measure_overlaps(prediction, truth, ignore).matching(0.5, strict=True)


def _assigned(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], iou: npt.NDArray[np.float64]
) -> Mask:
    """Which of the pairs are taken.

    Objects that compete for partners form small groups, and each group is assigned by itself
    (Hungarian method): a table of all objects by all others would not fit in memory.
    """
    taken = np.ones(len(rows), bool)
    _, of = np.unique(rows, return_inverse=True)
    _, to = np.unique(columns, return_inverse=True)
    n, m = of.max(initial=-1) + 1, to.max(initial=-1) + 1
    if n == m == len(rows):
        return taken
    graph = coo_array((np.ones(len(of)), (of, to + n)), shape=(n + m, n + m))
    groups = connected_components(graph, directed=False)[1][of]
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        pairs = order[start:stop]
        if len(pairs) == 1:
            continue
        i = np.unique(of[pairs], return_inverse=True)[1]
        j = np.unique(to[pairs], return_inverse=True)[1]
        shape = (i.max() + 1, j.max() + 1)
        gain = np.zeros(shape)
        # One more pair always outweighs any sum of IoUs.
        gain[i, j] = 1 + iou[pairs] / (2 * min(shape))
        chosen = np.zeros(shape, bool)
        chosen[linear_sum_assignment(gain, maximize=True)] = True
        taken[pairs] = chosen[i, j]
    return taken
