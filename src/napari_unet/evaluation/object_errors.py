"""Which objects are wrong, in which way, and where: missed, false, split, merged. 2D and 3D."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.evaluation.contingency import Contingency, contingency
from napari_unet.evaluation.matching import overlaps_of

ErrorKind = Literal["missed", "false", "split", "merged"]
ErrorSide = Literal["truth", "prediction"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ObjectError:
    """One mistake.

    ``truth`` and ``prediction`` are the ids that take part, ``centre`` is the centre of mass in
    pixels, in the order of the array's axes, of the true object (missed, split) or of the predicted
    one (false, merged). It lies outside of an object that is bent round it.
    """

    kind: ErrorKind
    truth: tuple[int, ...]
    prediction: tuple[int, ...]
    centre: tuple[float, ...]


@dataclass(frozen=True)
class ErrorCounts:
    """Number of mistakes of each kind; those of several images can be added."""

    missed: int = 0
    false: int = 0
    split: int = 0
    merged: int = 0

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.missed + other.missed,
            self.false + other.false,
            self.split + other.split,
            self.merged + other.merged,
        )


def count_errors(
    prediction: Array, truth: Array, ignore: npt.NDArray[np.bool_] | None = None
) -> ErrorCounts:
    """How many mistakes of each kind `find_errors` finds."""
    kinds = [error.kind for error in find_errors(prediction, truth, ignore)]
    return ErrorCounts(**{kind: kinds.count(kind) for kind in set(kinds)})


def find_errors(
    prediction: Array,
    truth: Array,
    ignore: npt.NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
) -> list[ObjectError]:
    """All mistakes of a prediction, (y, x) or (z, y, x) of ids, by kind and then by id.

    split
        A true object in which two or more predicted ones lie with more than half of their pixels.
    merged
        A predicted object in which two or more true ones lie with more than half of theirs.
        Exchanging prediction and truth exchanges splits and mergers.
    missed, false
        True (predicted) objects without a partner of IoU >= ``threshold`` that are in no split
        and in no merger. One that is only badly outlined is both, once as each.

    Where ``ignore`` is True, pixels belong to nothing; predicted objects that lie mostly there are
    not false. Raises UserError when the shapes differ.
    """
    table = contingency(prediction, truth, ignore)
    overlaps = overlaps_of(table)
    rows, columns, _ = overlaps.pairs(threshold)
    splits = _groups(_inside(table, "truth"))
    mergers = _groups(_inside(table, "prediction"))
    missed = {*_ids(overlaps.truth)}
    missed -= {*_ids(overlaps.truth[rows]), *splits, *_members(mergers)}
    false = {*_ids(overlaps.prediction[~overlaps.void])}
    false -= {*_ids(overlaps.prediction[columns]), *mergers, *_members(splits)}
    of_truth = _centres(truth, [*missed, *splits])
    of_found = _centres(prediction, [*false, *mergers])
    return [
        *(ObjectError("missed", (t,), (), of_truth[t]) for t in sorted(missed)),
        *(ObjectError("false", (), (p,), of_found[p]) for p in sorted(false)),
        *(ObjectError("split", (t,), splits[t], of_truth[t]) for t in sorted(splits)),
        *(ObjectError("merged", mergers[p], (p,), of_found[p]) for p in sorted(mergers)),
    ]


def _inside(table: Contingency, outer: ErrorSide) -> Iterable[tuple[int, int]]:
    """(outer, inner) ids where an object lies in one of the other side by more than half."""
    if outer == "truth":
        sizes = table.prediction_sizes[table.columns]
        of, to = table.truth[table.rows], table.prediction[table.columns]
    else:
        sizes = table.truth_sizes[table.rows]
        of, to = table.prediction[table.columns], table.truth[table.rows]
    inside = (of != 0) & (to != 0) & (2 * table.counts > sizes)
    return zip(_ids(of[inside]), _ids(to[inside]), strict=True)


def _groups(pairs: Iterable[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    """Outer objects that hold two inner ones or more."""
    found: dict[int, list[int]] = {}
    for outer, inner in pairs:
        found.setdefault(outer, []).append(inner)
    return {outer: tuple(sorted(inner)) for outer, inner in found.items() if len(inner) > 1}


def _members(groups: dict[int, tuple[int, ...]]) -> set[int]:
    return {inner for group in groups.values() for inner in group}


def _ids(array: Array) -> list[int]:
    return [int(i) for i in array.tolist()]


def _centres(labels: Array, ids: list[int]) -> dict[int, tuple[float, ...]]:
    if not ids:
        return {}
    centres = ndimage.center_of_mass(np.ones(labels.shape, bool), labels, ids)
    return {i: tuple(float(c) for c in centre) for i, centre in zip(ids, centres, strict=True)}
