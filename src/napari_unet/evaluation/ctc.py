"""SEG and DET of the Cell Tracking Challenge, 2D and 3D.

M. Maska et al., "The Cell Tracking Challenge: 10 years of objective benchmarking", Nature Methods
2023; P. Matula et al., "Cell tracking accuracy measurement based on comparison of acyclic oriented
graphs", PLoS ONE 2015. A predicted object S stands for a true object R when it covers more than
half of it, |R & S| > |R| / 2 (strictly), so that no R has two; one S can stand for several R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.evaluation.contingency import contingency

#: Costs in DET of a false negative, a false positive, and of needing to split an object.
FN_COST, FP_COST, NS_COST = 10, 1, 5


@dataclass(frozen=True)
class CellScores:
    """What SEG and DET are computed from; sums over images can be added.

    ``jaccard`` is the sum of |R & S| / |R | S| over true objects that S stands for; ``true``,
    ``missed`` count true objects (all, without S), ``false`` predicted objects that stand for
    none, ``splits`` how often a predicted object would have to be cut to stand for one each.
    """

    jaccard: float = 0.0
    true: int = 0
    missed: int = 0
    false: int = 0
    splits: int = 0

    @property
    def seg(self) -> float:
        """Mean Jaccard index over all true objects, 0 for those missed; nan without any.

        Invented objects cost nothing, as in the challenge.
        """
        return self.jaccard / self.true if self.true else float("nan")

    @property
    def det(self) -> float:
        """1 - min(A, A0) / A0, nan without true objects.

        A = 10 missed + 1 false + 5 splits is the weighted number of operations that turn the
        predicted set of objects into the true one, A0 = 10 true the cost of building that from
        nothing. Links between frames play no part.
        """
        if not self.true:
            return float("nan")
        cost = FN_COST * self.missed + FP_COST * self.false + NS_COST * self.splits
        nothing = FN_COST * self.true
        return 1 - min(cost, nothing) / nothing

    def __add__(self, other: CellScores) -> CellScores:
        return CellScores(
            self.jaccard + other.jaccard,
            self.true + other.true,
            self.missed + other.missed,
            self.false + other.false,
            self.splits + other.splits,
        )


def cell_scores(
    prediction: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    ignore: npt.NDArray[np.bool_] | None = None,
) -> CellScores:
    """Compare ids of one frame, (y, x) or (z, y, x), 0 = background.

    The challenge scores every frame by itself and sums up over frames. Pixels where ``ignore`` is
    True are left out, and with them predicted objects that lie mostly there and stand for none.
    Raises UserError when the shapes differ.
    """
    table = contingency(prediction, truth, ignore)
    true_sizes, found_sizes = table.truth_sizes, table.prediction_sizes
    # No pair with the background of either can be a match.
    both = (table.truth[table.rows] != 0) & (table.prediction[table.columns] != 0)
    both &= 2 * table.counts > true_sizes[table.rows]
    rows, columns, shared = table.rows[both], table.columns[both], table.counts[both]
    jaccard = shared / (true_sizes[rows] + found_sizes[columns] - shared)
    true = int((table.truth != 0).sum())
    standing = np.unique(columns)
    idle = np.ones(len(table.prediction), bool)
    idle[standing] = False
    idle &= (table.prediction != 0) & ~table.void
    return CellScores(
        jaccard=float(jaccard.sum()),
        true=true,
        missed=true - len(rows),
        false=int(idle.sum()),
        splits=len(rows) - len(standing),
    )
