"""Do two pixels of a cell still belong together? Rand and information scores of segmentations.

I. Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for
connectomics", Frontiers in Neuroanatomy 2015. Both scores look only at pixels that lie inside a
cell of the truth; of those, every pixel that the prediction takes for membrane is a segment of its
own. With n such pixels, of which p_ij n lie in cell i and segment j:

    V_split^Rand = sum p_ij^2 / sum_i t_i^2        V_merge^Rand = sum p_ij^2 / sum_j s_j^2
    V_split^Info = I(S; T) / H(S)                  V_merge^Info = I(S; T) / H(T)

t_i and s_j are the sums over j and i, H entropies, I mutual information. V is the harmonic mean
of both. Split is lowered by cells that fall apart, merge by cells that flow together.

Beware of scikit-image's `adapted_rand_error`: what it calls precision is V_split (the recall),
it takes predicted membrane for one segment, and it counts only pairs of different pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_unet.evaluation.contingency import Contingency, contingency

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Agreement(NamedTuple):
    """``f`` = harmonic mean of ``split`` and ``merge``; all 0 to 1, the higher the better."""

    f: float
    split: float
    merge: float


@dataclass(frozen=True)
class RandSums:
    """Ordered pairs of pixels, each pixel with itself included, of one or several images.

    ``both``: pairs together in truth and in prediction; ``truth``, ``prediction``: together in
    that one; ``pixels``: how many pixels were looked at. Sums of several images may be added:
    pixels of different images make no pair.
    """

    both: float = 0
    truth: float = 0
    prediction: float = 0
    pixels: float = 0

    def __add__(self, other: RandSums) -> RandSums:
        return RandSums(
            self.both + other.both,
            self.truth + other.truth,
            self.prediction + other.prediction,
            self.pixels + other.pixels,
        )

    def agreement(self, *, distinct: bool = False) -> Agreement:
        """V^Rand, or with ``distinct`` the same over pairs of two different pixels.

        The paper's sums of squares pair every pixel with itself too; scikit-image and the tool of
        the 2012 challenge leave these pairs out, which changes the fifth digit on its sections.
        nan without any cell in the truth. Where neither has a pair of different pixels they agree.
        """
        same = self.pixels if distinct else 0
        both, truth, prediction = self.both - same, self.truth - same, self.prediction - same
        if not self.pixels:
            return Agreement(np.nan, np.nan, np.nan)
        if not truth + prediction:
            return Agreement(1.0, 1.0, 1.0)
        # A part that has no pairs at all breaks none.
        split = both / truth if truth else 1.0
        merge = both / prediction if prediction else 1.0
        return Agreement(2 * both / (truth + prediction), split, merge)


def rand_sums(prediction: Array, truth: Array, ignore: Mask | None = None) -> RandSums:
    """Count pairs of two arrays of ids, (y, x) or (z, y, x), 0 = membrane.

    Raises UserError when the shapes differ.
    """
    table, cells, segments, alone = _within_cells(prediction, truth, ignore)
    return RandSums(
        both=_squares(table) + alone,
        truth=_squares(cells),
        prediction=_squares(segments) + alone,
        pixels=float(cells.sum()),
    )


def v_rand(prediction: Array, truth: Array, ignore: Mask | None = None) -> Agreement:
    """V^Rand of two arrays of ids, (y, x) or (z, y, x), 0 = membrane; nan without true cells."""
    return rand_sums(prediction, truth, ignore).agreement()


class Entropies(NamedTuple):
    """In bits: of the truth, of the prediction, of both together; nan without true cells."""

    truth: float
    prediction: float
    joint: float


def entropies(prediction: Array, truth: Array, ignore: Mask | None = None) -> Entropies:
    """Entropies of the partitions of the pixels inside true cells; arguments as `rand_sums`."""
    table, cells, segments, alone = _within_cells(prediction, truth, ignore)
    n = float(cells.sum())
    if not n:
        return Entropies(np.nan, np.nan, np.nan)
    single = alone / n * np.log2(n)  # each of these pixels has the probability 1 / n
    return Entropies(
        _entropy(cells, n),
        _entropy(segments, n) + single,
        _entropy(table, n) + single,
    )


def v_info(prediction: Array, truth: Array, ignore: Mask | None = None) -> Agreement:
    """V^Info of two arrays of ids, (y, x) or (z, y, x), 0 = membrane; nan without true cells.

    A partition into a single part has no entropy and cannot be broken (split) or broken into
    (merge): its score is 1 by definition. If both are single parts, f = 1.
    """
    of_truth, of_prediction, joint = entropies(prediction, truth, ignore)
    if np.isnan(joint):
        return Agreement(np.nan, np.nan, np.nan)
    total = of_truth + of_prediction
    # Rounding may leave a trace of information where there is none.
    mutual = max(total - joint, 0.0)
    if not total:
        return Agreement(1.0, 1.0, 1.0)
    split = min(mutual / of_prediction, 1.0) if of_prediction else 1.0
    merge = min(mutual / of_truth, 1.0) if of_truth else 1.0
    return Agreement(min(2 * mutual / total, 1.0), split, merge)


def variation_of_information(
    prediction: Array, truth: Array, ignore: Mask | None = None
) -> tuple[float, float]:
    """(split, merge) in bits: H(S|T) and H(T|S) of the pixels inside true cells; 0 is perfect.

    M. Meila, "Comparing clusterings by the variation of information", COLT 2003; the variation is
    the sum of both. nan without true cells.
    """
    of_truth, of_prediction, joint = entropies(prediction, truth, ignore)
    if np.isnan(joint):
        return np.nan, np.nan
    return max(joint - of_truth, 0.0), max(joint - of_prediction, 0.0)


def _within_cells(
    prediction: Array, truth: Array, ignore: Mask | None
) -> tuple[Array, Array, Array, float]:
    """Pixels by pair, by cell and by segment, and how many are predicted to be membrane."""
    inside: Contingency = contingency(prediction, truth, ignore).within_truth()
    in_segment = inside.prediction[inside.columns] != 0
    segments = inside.prediction_sizes[inside.prediction != 0]
    alone = float(inside.counts[~in_segment].sum())
    return inside.counts[in_segment], inside.truth_sizes, segments, alone


def _squares(counts: Array) -> float:
    return float(np.square(counts, dtype=np.float64).sum())


def _entropy(counts: Array, n: float) -> float:
    p = counts[counts > 0] / n
    # + 0.0: of a single part there is an entropy of 0, not of -0.
    return float(-(p * np.log2(p)).sum()) + 0.0
