"""Which predicted object is which true one: matching by overlap, average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from napari_unet.annotations.objects import renumber


@dataclass(frozen=True)
class Matching:
    """Counts of objects: found (tp), predicted without a true one (fp), missed (fn).

    ``a + b`` sums the counts, which is how several images are pooled.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def ap(self) -> float:
        """Average precision at the threshold, tp / (tp + fp + fn); nan without any object.

        The definition of the Data Science Bowl 2018 (Caicedo et al., Nature Methods 2019).
        """
        total = self.tp + self.fp + self.fn
        return self.tp / total if total else float("nan")

    def __add__(self, other: Matching) -> Matching:
        return Matching(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)


@dataclass(frozen=True)
class Overlaps:
    """Every pair of objects that share a pixel, with its IoU.

    ``prediction`` and ``truth`` number the objects of each array 0, 1, .. in the order of their
    ids; ``n_prediction`` and ``n_truth`` are how many there are.
    """

    prediction: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    iou: npt.NDArray[np.float64]
    n_prediction: int
    n_truth: int


def match(prediction: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Overlaps:
    """Overlaps of the objects of two arrays of ids (0 = background) of the same shape."""
    p, t = renumber(prediction).ravel(), renumber(truth).ravel()
    sizes_p, sizes_t = np.bincount(p, minlength=1), np.bincount(t, minlength=1)
    both = (p > 0) & (t > 0)
    pairs, shared = np.unique(p[both].astype(np.int64) * len(sizes_t) + t[both], return_counts=True)
    of_p, of_t = np.divmod(pairs, len(sizes_t))
    iou = shared / (sizes_p[of_p] + sizes_t[of_t] - shared)
    return Overlaps(of_p - 1, of_t - 1, iou, len(sizes_p) - 1, len(sizes_t) - 1)


def average_precision(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], threshold: float = 0.5
) -> Matching:
    """Count the objects found: pairs with IoU >= ``threshold``, each object in at most one pair.

    Above 0.5 there is only one such pairing. At 0.5 exactly two halves may tie for one object, and
    below it pairs compete: then the pairing with the most pairs counts (maximum bipartite
    matching, which is the optimal assignment when all pairs are worth the same).
    """
    return count(match(prediction, truth), threshold)


def count(overlaps: Overlaps, threshold: float) -> Matching:
    """The counts of :func:`average_precision` from overlaps computed before."""
    good = overlaps.iou >= threshold
    p, t = overlaps.prediction[good], overlaps.truth[good]
    found = _most_pairs(p, t)
    return Matching(found, overlaps.n_prediction - found, overlaps.n_truth - found)


def _most_pairs(p: npt.NDArray[np.int64], t: npt.NDArray[np.int64]) -> int:
    """Size of the largest set of pairs (p[i], t[i]) in which nothing occurs twice."""
    if not len(p):
        return 0
    allowed = csr_matrix((np.ones(len(p), np.int8), (p, t)))
    partner = maximum_bipartite_matching(allowed, perm_type="column")
    return int((partner >= 0).sum())
