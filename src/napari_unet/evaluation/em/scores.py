"""From a probability to the scores of the challenge: threshold, cells, optional thinning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.evaluation import overlap
from napari_unet.evaluation.em import clustering
from napari_unet.evaluation.em.clustering import Agreement
from napari_unet.evaluation.em.thinning import thinned
from napari_unet.evaluation.shapes import must_fit

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Score = Callable[[Array, Array, Mask | None], Agreement]

THRESHOLDS = tuple(n / 10 for n in range(1, 10))
"""The thresholds from 0.1 to 0.9 that are tried unless others are given."""


def pixel_error(
    probability: Array, truth: Array, threshold: float = 0.5, ignore: Mask | None = None
) -> float:
    """Part of the pixels on the wrong side of the threshold; nan where no pixel counts.

    As `warping_error`: (y, x) or (z, y, x), cells where the probability is greater than the
    threshold and where the truth is non-zero. Raises UserError when shapes differ.
    """
    must_fit(probability, truth, ignore)
    wrong = (probability > threshold) != (truth != 0)
    counted = wrong if ignore is None else wrong[~ignore]
    return float(counted.mean()) if counted.size else float("nan")


def pixel_f_error(
    probability: Array, truth: Array, threshold: float = 0.5, ignore: Mask | None = None
) -> float:
    """1 - F-score of the pixels inside cells: the *pixel error* on the challenge's leader board.

    F = 2 TP / (2 TP + FP + FN) with cells as positives, which is their Dice coefficient. Where
    cells fill most of the picture it is much smaller than `pixel_error` of the same picture: the
    two must not be compared. Arguments and errors as there; nan without a cell in either.

    Source: rules of the ISBI 2012 challenge ("1 - the maximal F-score of pixel similarity", over
    thresholds: `best_threshold`).
    """
    must_fit(probability, truth, ignore)
    kept = ... if ignore is None else ~ignore
    found, true = (probability > threshold)[kept], (truth != 0)[kept]
    return float(1 - overlap.dice(overlap.confusion(found, true, 2))[1])


def cells(mask: Mask, *, thin: bool = False) -> npt.NDArray[np.int32]:
    """Number the cells of one section or volume: parts that are connected over sides or faces.

    With ``thin``, all cells grow into the membrane around them at the same speed until one pixel is
    left between them, see `thinned`.
    """
    found = np.asarray(ndimage.label(mask)[0], np.int32)
    return thinned(found) if thin else found


def by_section(
    score: Score,
    probability: Array,
    truth: Array,
    threshold: float = 0.5,
    *,
    thin: bool = False,
    ignore: Mask | None = None,
) -> Agreement:
    """``score`` (`v_rand`, `v_info`) of the cells of a section, or the mean over those of a stack.

    Parameters
    ----------
    probability, truth
        (y, x) or (z, y, x). Cells are numbered in each section by itself: those of the truth are
        the connected parts of what is non-zero, those of the prediction the connected parts of
        what is greater than the threshold. For ids across sections use the scores on ids.
    thin
        Thin the predicted membranes first ("after border thinning"), so that their width does
        not count. Scores with and without cannot be compared.
    ignore
        True where pixels do not count. Nothing is connected through them, neither in the truth nor
        in the prediction, lest one of them be in two parts there and the other in one.

    Returns
    -------
    Agreement
        nan where a section has no true cell; such sections are left out of the mean.

    Raises
    ------
    UserError
        Shapes that differ, or neither 2 nor 3 axes.
    """
    must_fit(probability, truth, ignore)
    if truth.ndim == 2:
        inside, true = probability > threshold, truth != 0
        if ignore is not None:
            inside, true = inside & ~ignore, true & ~ignore
        return score(cells(inside, thin=thin), cells(true), ignore)
    skipped = np.zeros(truth.shape, bool) if ignore is None else ignore
    sections = [
        by_section(score, p, t, threshold, thin=thin, ignore=i)
        for p, t, i in zip(probability, truth, skipped, strict=True)
    ]
    known = [section for section in sections if not np.isnan(section.f)]
    if not known:
        return Agreement(np.nan, np.nan, np.nan)
    return Agreement(*(float(np.mean(values)) for values in zip(*known, strict=True)))


def rand_error(
    probability: Array,
    truth: Array,
    threshold: float = 0.5,
    *,
    thin: bool = False,
    distinct: bool = False,
    ignore: Mask | None = None,
) -> float:
    """1 - V^Rand at one threshold: the Rand error of the ISBI 2012 challenge.

    The challenge took the lowest over thresholds, without thinning: `best_threshold`. ``distinct``
    leaves out pairs of a pixel with itself, see `RandSums.agreement`; the rest as `by_section`.
    """

    def score(found: Array, true: Array, skipped: Mask | None) -> Agreement:
        return clustering.rand_sums(found, true, skipped).agreement(distinct=distinct)

    return 1 - by_section(score, probability, truth, threshold, thin=thin, ignore=ignore).f


class Optimum(NamedTuple):
    """The lowest mean error and the (lowest) threshold that it is reached at."""

    threshold: float
    error: float


def best_threshold(
    error: Callable[[Array, Array, float], float],
    pairs: Iterable[tuple[Array, Array]],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Optimum:
    """The threshold with the lowest mean ``error(probability, truth, threshold)`` over ``pairs``.

    Chosen on parts of the training images that were held out, the threshold can be used for a fair
    score of the test images. Chosen on the test images themselves, as in the challenge, the error
    is the *test-optimal* one: no method could know that threshold, so it must be called so.

    Raises
    ------
    UserError
        There is nothing to choose from, or no threshold gives a number.
    """
    pairs = list(pairs)
    if not pairs or not thresholds:
        raise UserError("A threshold cannot be chosen without images and thresholds.")
    best = Optimum(float("nan"), float("inf"))
    for threshold in sorted(thresholds):
        values = [error(probability, truth, threshold) for probability, truth in pairs]
        known = [v for v in values if not np.isnan(v)]
        if known and (mean := sum(known) / len(known)) < best.error:
            best = Optimum(float(threshold), mean)
    if np.isnan(best.threshold):
        raise UserError("A threshold cannot be chosen: the score is undefined for every image.")
    return best
