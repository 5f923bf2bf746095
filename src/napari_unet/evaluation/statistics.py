"""What figures of a few images allow to say: intervals, paired tests, effect sizes.

The image is the unit: pixels and objects of one image are no independent observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from napari_unet.errors import UserError

RESAMPLES = 2000
_AT_ONCE = 2**22  # values drawn at a time


class Interval(NamedTuple):
    """Lower and upper limit."""

    low: float
    high: float


def bootstrap_interval(
    values: Sequence[float] | npt.NDArray[np.float64],
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of the mean over images.

    B. Efron and R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13. Images are
    drawn with replacement ``resamples`` times; the same ``seed`` gives the same interval. With
    fewer than some ten images such an interval is too narrow. nan values are left out; with fewer
    than two images left there is no interval, (nan, nan).
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[~np.isnan(known)]
    if len(known) < 2:
        return Interval(np.nan, np.nan)
    rng = np.random.default_rng(seed)
    rows = max(_AT_ONCE // len(known), 1)
    means = [
        known[rng.integers(0, len(known), (min(rows, resamples - start), len(known)))].mean(1)
        for start in range(0, resamples, rows)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return Interval(float(low), float(high))


@dataclass(frozen=True)
class PairedTest:
    """Result of a paired t-test of ``n`` images.

    ``difference`` is the mean of first - second, ``p`` two-sided, ``effect`` Cohen's d_z = mean
    over standard deviation of the differences (0.2 small, 0.5 medium, 0.8 large).
    """

    n: int
    difference: float
    t: float
    p: float
    effect: float


def paired_t_test(first: Sequence[float | None], second: Sequence[float | None]) -> PairedTest:
    """Student's t-test of per-image values of two methods on the same images in the same order.

    Images where either is None or nan are left out. With fewer than two images left, t, p and
    effect are nan. Without any spread of the differences, t and effect are 0 and p is 1 where the
    methods are equal; where they are not, t and effect are infinite and p is nan: two or three
    images whose scores happen to differ by the same prove nothing.

    Raises
    ------
    UserError
        The sequences differ in length.
    """
    if len(first) != len(second):
        raise UserError(
            f"A paired test needs the same images for both: there are {len(first)} values and "
            f"{len(second)}."
        )
    differences = np.subtract(np.array(first, np.float64), np.array(second, np.float64))
    differences = differences[~np.isnan(differences)]
    n = len(differences)
    if n < 2:
        mean = float(differences[0]) if n else float("nan")
        return PairedTest(n, mean, np.nan, np.nan, np.nan)
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    # Equal differences have a spread of some rounding errors.
    if spread <= 1e-12 * max(abs(mean), 1e-300):
        far = float(np.copysign(np.inf, mean)) if mean else 0.0
        return PairedTest(n, mean, far, np.nan if mean else 1.0, far)
    effect = mean / spread
    t = effect * float(np.sqrt(n))
    return PairedTest(n, mean, t, float(2 * stdtr(n - 1, -abs(t))), effect)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for testing several hypotheses at once, in the order given.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 1979: the chance of any false finding stays below the level, whatever depends on
    what. nan stays nan and is not counted.
    """
    p = np.asarray(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(value) for value in adjusted]
