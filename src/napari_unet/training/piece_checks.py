"""What a deformation did to a piece: places where it folds, objects that it split or merged.

Numpy only. A smooth map is invertible where the determinant of its Jacobian keeps its sign; where
the sign changes, the piece is folded over itself and shows the same pixels twice, one of them
mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.objects import components

SPECK = 4
"""Parts of fewer pixels are crumbs of nearest-neighbour sampling, not parts of a split object."""


@dataclass(frozen=True)
class PieceCheck:
    """What was found in one piece.

    ``folded``: part of the piece, 0..1, where the deformation folds. ``objects``: how many lie in
    the piece whole; of them ``split`` into parts. ``merged``: pairs that touch, not only by a few
    pixels.
    """

    folded: float
    objects: int
    split: int
    merged: int

    @property
    def damaged(self) -> int:
        """Objects that are no longer what was labelled."""
        return self.split + self.merged


def folded_part(grid: npt.NDArray[Any]) -> float:
    """Part of a sampling grid (*size, dims) where its Jacobian has the wrong sign, or none."""
    spatial = tuple(range(grid.ndim - 1))
    rows = [np.gradient(grid[..., axis], axis=spatial) for axis in spatial]
    determinant = np.linalg.det(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))
    sign = 1.0 if np.median(determinant) > 0 else -1.0  # mirrored pieces are not folded
    return float((determinant * sign <= 0).mean())


def foreground_objects(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Connected foreground of a class map: what the network must keep apart. 0 elsewhere."""
    return components((classes != 0) & (classes != UNLABELLED))


def check_piece(
    grid: npt.NDArray[Any], before: npt.NDArray[np.int32], after: npt.NDArray[np.int32]
) -> PieceCheck:
    """Compare the objects of a window ``before`` with the same ids ``after`` deformation.

    Objects that touch an edge of either are cut by it and say nothing about the deformation.
    """
    cut = set(_rim(before).tolist()) | set(_rim(after).tolist())
    split = whole = 0
    for number, box in enumerate(ndimage.find_objects(after), start=1):
        if box is None or number in cut:
            continue
        whole += 1
        parts, count = ndimage.label(after[box] == number)
        if count > 1:
            sizes = np.bincount(parts.ravel())[1:]
            split += int((sizes >= SPECK).sum() > 1)
    return PieceCheck(folded_part(grid), whole, split, _touching(after))


def _touching(ids: npt.NDArray[np.int32]) -> int:
    """Pairs of ids with a common border of at least ``SPECK`` edges."""
    pairs: list[npt.NDArray[np.int64]] = []
    for axis in range(ids.ndim):
        a = np.moveaxis(ids, axis, 0)[:-1]
        b = np.moveaxis(ids, axis, 0)[1:]
        meet = (a != b) & (a != 0) & (b != 0)
        low, high = np.minimum(a, b)[meet], np.maximum(a, b)[meet]
        pairs.append(low.astype(np.int64) << 32 | high)
    _, edges = np.unique(np.concatenate(pairs), return_counts=True)
    return int((edges >= SPECK).sum())


def _rim(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    faces = [np.take(ids, end, axis).ravel() for axis in range(ids.ndim) for end in (0, -1)]
    return np.unique(np.concatenate(faces))
