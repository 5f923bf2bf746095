"""How far outlines are apart: boundary F-score and Hausdorff distance. 2D and 3D.

Both take class maps or ids: the outline of an object is its pixels that share a side with a pixel
of another value. Distances are in pixels, or in the unit of ``spacing`` where that is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.errors import UserError
from napari_unet.evaluation.shapes import must_fit

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

TOLERANCE = 2.0
"""Pixels that outlines may be apart and still agree, unless another number is given."""


def boundary(labels: Array, ignore: Mask | None = None, *, edge: bool = False) -> Mask:
    """Pixels of objects (not of background 0) beside a pixel of another value.

    ``edge``: whether an object also ends where the image does. Ignored pixels are no outline and
    make none, because nobody knows what they are.
    """
    known = np.ones(labels.shape, bool) if ignore is None else ~ignore
    outline: Mask = np.zeros(labels.shape, np.bool_)
    for axis in range(labels.ndim):
        here, there = _halves(labels, axis)
        differs = (here != there) & np.logical_and(*_halves(known, axis))
        for half in _halves(outline, axis):
            half |= differs
        if edge:
            for place in (0, -1):
                outline[(slice(None),) * axis + (place,)] = True
    outline &= (labels != 0) & known
    return outline


@dataclass(frozen=True)
class BoundaryMatch:
    """Pixels of outlines: predicted ones near a true one of all, true ones near a predicted one.

    Sums of several images can be added.
    """

    predicted_near: int = 0
    predicted: int = 0
    true_near: int = 0
    true: int = 0

    @property
    def f(self) -> float:
        """Harmonic mean of precision (predicted part) and recall (true part).

        nan where neither has an outline, 0 where only one has.
        """
        if not self.predicted and not self.true:
            return float("nan")
        if not self.predicted or not self.true:
            return 0.0
        precision, recall = self.predicted_near / self.predicted, self.true_near / self.true
        total = precision + recall
        return 2 * precision * recall / total if total else 0.0

    def __add__(self, other: BoundaryMatch) -> BoundaryMatch:
        return BoundaryMatch(
            self.predicted_near + other.predicted_near,
            self.predicted + other.predicted,
            self.true_near + other.true_near,
            self.true + other.true,
        )


def boundary_match(
    prediction: Array,
    truth: Array,
    tolerance: float = TOLERANCE,
    spacing: Sequence[float] | None = None,
    ignore: Mask | None = None,
) -> BoundaryMatch:
    """Count outline pixels at most ``tolerance`` apart; its ``f`` is the boundary F-score.

    After D. Martin, C. Fowlkes and J. Malik, "Learning to detect natural image boundaries", PAMI
    2004, with distances instead of their one-to-one assignment, as G. Csurka et al., "What is a
    good evaluation measure for semantic segmentation?", BMVC 2013. Where objects leave the image
    is no outline.

    Parameters
    ----------
    prediction, truth
        (y, x) or (z, y, x) of class indices or object ids, 0 = background.
    tolerance
        In pixels, or in the unit of ``spacing``.
    spacing
        Size of a pixel by axis.
    ignore
        True where pixels do not count.

    Raises
    ------
    UserError
        Shapes or ``spacing`` that do not fit.
    """
    must_fit(prediction, truth, ignore)
    sampling = _sampling(spacing, truth.ndim)
    of, to = (boundary(a, ignore) for a in (truth, prediction))
    # Rounding must not decide on a distance that is exactly the tolerance.
    limit = tolerance * (1 + 1e-9)
    return BoundaryMatch(
        predicted_near=int((_distances(to, of, sampling) <= limit).sum()),
        predicted=int(to.sum()),
        true_near=int((_distances(of, to, sampling) <= limit).sum()),
        true=int(of.sum()),
    )


def hausdorff(
    prediction: Array,
    truth: Array,
    spacing: Sequence[float] | None = None,
    percentile: float = 95,
    ignore: Mask | None = None,
) -> float:
    """The greater of both directed distances between the outlines, each a ``percentile``.

    The directed distance of A to B is the percentile (linear between values) over the outline
    pixels of A of the distance to the nearest one of B; 100 is the Hausdorff distance. Objects end
    where the image ends. Some tools take the percentile over both directions together instead,
    which is lower.

    Arguments as `boundary_match`; the distance is in the unit of ``spacing``, else in pixels. nan
    where neither has an object; where only one has, the diagonal of the image, so that to find
    nothing is never better than to find something.
    """
    must_fit(prediction, truth, ignore)
    sampling = _sampling(spacing, truth.ndim)
    of, to = (boundary(a, ignore, edge=True) for a in (truth, prediction))
    if not of.any() and not to.any():
        return float("nan")
    if not of.any() or not to.any():
        return float(np.linalg.norm([n * s for n, s in zip(truth.shape, sampling, strict=True)]))
    directed = (_distances(of, to, sampling), _distances(to, of, sampling))
    return max(float(np.percentile(d, percentile)) for d in directed)


def _distances(of: Mask, to: Mask, sampling: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Of every pixel of ``of`` to the nearest of ``to``, infinite without any."""
    if not to.any():
        return np.full(int(of.sum()), np.inf)
    return np.asarray(ndimage.distance_transform_edt(~to, sampling=sampling)[of], np.float64)


def _halves(array: Array, axis: int) -> tuple[Array, Array]:
    """Views of all pixels that have a next one along an axis, and of these next ones."""
    before: list[slice] = [slice(None)] * array.ndim
    after = before.copy()
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return array[tuple(before)], array[tuple(after)]


def _sampling(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    if spacing is None:
        return (1.0,) * ndim
    if len(spacing) != ndim or not all(0 < s < np.inf for s in spacing):
        raise UserError(
            f"A pixel size of {tuple(spacing)} does not fit; give {ndim} positive numbers."
        )
    return tuple(float(s) for s in spacing)
