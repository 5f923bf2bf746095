"""Is a pixel with a probability of 0.8 right in 80 of 100 cases?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.evaluation.shapes import must_fit

Floats = npt.NDArray[np.float64]

BINS = 15
"""Bins of the published definition."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Pixels by bin of confidence, the sum of their confidence, and how many are right.

    Bin k of n reaches from k / n (not included, except 0) to (k + 1) / n (included). Those of
    several images can be added. The diagram of reliability plots ``accuracy`` over ``confidence``.
    """

    pixels: Floats
    confidences: Floats
    right: Floats

    @property
    def confidence(self) -> Floats:
        """Mean confidence by bin; nan in empty bins."""
        return _divided(self.confidences, self.pixels)

    @property
    def accuracy(self) -> Floats:
        """Part of the pixels by bin that are right; nan in empty bins."""
        return _divided(self.right, self.pixels)

    @property
    def ece(self) -> float:
        """Expected calibration error, sum over bins of |right - confidences| / pixels in all bins.

        C. Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3: 0 is
        perfect, nan without pixels.
        """
        total = float(self.pixels.sum())
        return float(np.abs(self.right - self.confidences).sum()) / total if total else float("nan")

    def __add__(self, other: Reliability) -> Reliability:
        if len(self.pixels) != len(other.pixels):
            raise ValueError("reliabilities with different bins cannot be added")
        return Reliability(
            self.pixels + other.pixels,
            self.confidences + other.confidences,
            self.right + other.right,
        )


def reliability(
    probability: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    bins: int = BINS,
    ignore: npt.NDArray[np.bool_] | None = None,
) -> Reliability:
    """Compare the confidence of the most probable class with how often it is the true one.

    Parameters
    ----------
    probability
        (class, y, x) or (class, z, y, x), two classes or more, from 0 to 1.
    truth
        (y, x) or (z, y, x) of class indices.
    bins
        Bins of equal width from 0 to 1.
    ignore
        True where pixels do not count.

    Raises
    ------
    UserError
        Shapes that do not fit, fewer than two classes, or values that are no probabilities.
    """
    if probability.ndim != truth.ndim + 1 or len(probability) < 2:
        raise UserError(
            f"Calibration needs a probability for each of two or more classes, not an array of "
            f"the size {probability.shape} for a truth of {truth.shape}."
        )
    must_fit(probability[0], truth, ignore)
    likely = probability.argmax(0)
    sure = np.take_along_axis(probability, likely[None], 0)[0].astype(np.float64)
    right = likely == truth
    if ignore is not None:
        sure, right = sure[~ignore], right[~ignore]
    if sure.size and not 0 <= sure.min() <= sure.max() <= 1 + 1e-6:
        raise UserError("Calibration needs probabilities from 0 to 1; these are none.")
    place = np.clip(np.ceil(sure.ravel() * bins).astype(np.int64) - 1, 0, bins - 1)
    return Reliability(
        *(
            np.bincount(place, weights, minlength=bins).astype(np.float64)
            for weights in (None, sure.ravel(), right.ravel().astype(np.float64))
        )
    )


def expected_calibration_error(
    probability: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    bins: int = BINS,
    ignore: npt.NDArray[np.bool_] | None = None,
) -> float:
    """ECE of one image, see `reliability` and its ``ece``."""
    return reliability(probability, truth, bins, ignore).ece


def _divided(part: Floats, whole: Floats) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
