"""How many pixels each object of the truth shares with each object of the prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.evaluation.shapes import must_fit

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Contingency:
    """The pairs of objects that share pixels.

    ``truth`` and ``prediction`` hold the ids that occur, sorted, 0 among them where it does.
    Pair k shares ``counts[k]`` pixels, of ``truth[rows[k]]`` and ``prediction[columns[k]]``.
    ``hidden`` are the ignored pixels of each id of the prediction, which count nowhere else.
    """

    truth: npt.NDArray[Any]
    prediction: npt.NDArray[Any]
    rows: Ids
    columns: Ids
    counts: Ids
    hidden: Ids

    @property
    def void(self) -> npt.NDArray[np.bool_]:
        """Ids of the prediction with more than half of their pixels ignored.

        Nobody knows whether such an object is right: it is not counted as invented (A. Kirillov et
        al., "Panoptic segmentation", CVPR 2019).
        """
        return self.hidden > self.prediction_sizes

    @property
    def truth_sizes(self) -> Ids:
        """Pixels of each id of the truth."""
        return _sums(self.rows, self.counts, len(self.truth))

    @property
    def prediction_sizes(self) -> Ids:
        """Pixels of each id of the prediction."""
        return _sums(self.columns, self.counts, len(self.prediction))

    def within_truth(self) -> Contingency:
        """The same without the background of the truth, which keeps its id but no pixels."""
        kept = self.truth[self.rows] != 0
        return Contingency(
            self.truth,
            self.prediction,
            self.rows[kept],
            self.columns[kept],
            self.counts[kept],
            self.hidden,
        )


def contingency(
    prediction: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    ignore: npt.NDArray[np.bool_] | None = None,
) -> Contingency:
    """Count shared pixels of two arrays of ids, (y, x) or (z, y, x); 0 is background.

    Pixels where ``ignore`` is True are left out. Raises UserError when the shapes differ.
    """
    must_fit(prediction, truth, ignore)
    under = prediction[:0] if ignore is None else prediction[ignore]
    if ignore is not None:
        prediction, truth = prediction[~ignore], truth[~ignore]
    of_ids, of = np.unique(truth, return_inverse=True)
    to_ids, to = np.unique(prediction, return_inverse=True)
    ids, numbers = np.unique(under, return_counts=True)
    hidden = np.zeros(len(to_ids), np.int64)
    known = np.isin(ids, to_ids)
    hidden[np.searchsorted(to_ids, ids[known])] = numbers[known]
    width = max(len(to_ids), 1)
    pairs, counts = np.unique(of.ravel() * width + to.ravel(), return_counts=True)
    rows, columns = np.divmod(pairs, width)
    return Contingency(of_ids, to_ids, rows, columns, counts.astype(np.int64), hidden)


def _sums(places: Ids, counts: Ids, length: int) -> Ids:
    sums = np.zeros(length, np.int64)
    np.add.at(sums, places, counts)
    return sums
