"""Touching objects that were predicted as one, cut where they are narrow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

SMOOTHING = 1.0
"""Standard deviation, in pixels, of the Gaussian that takes the jaggedness of edges away."""
DEPTHS = (0.75, 1.0, 1.5, 2.5, 4.0, 6.0, 9.0, 13.0)
"""Depths, in pixels, among which :func:`learn_depth` chooses: nuclei allow small ones; large cells
with lobes are cut only where both are much thicker than the neck."""
TOLERATED = 0.02
"""Part of the training objects that may be cut by mistake."""


def split(
    mask: npt.NDArray[np.bool_], depth: float, voxel: Sequence[float] = ()
) -> npt.NDArray[np.int32]:
    """Objects of a mask (y, x) or (z, y, x), ids from 1 with gaps: components, cut at their necks.

    The watershed of the smoothed distance to the background, from all its maxima that rise by
    ``depth`` pixels or more above the saddle to a higher one. A neck is thus cut when it is
    narrower than both bodies by about twice ``depth``. ``voxel``: length of a voxel along each
    axis, in that of the shortest, which is then the unit of ``depth``; empty = all alike.
    """
    basins, parents, rises = _merge_tree(mask, voxel)
    joined = np.where(rises < depth, parents, np.arange(len(parents)))
    while True:  # a basin that joins one that joins another
        farther = joined[joined]
        if np.array_equal(farther, joined):
            return np.asarray(joined[basins], np.int32)
        joined = farther


def oversplit(
    mask: npt.NDArray[np.bool_], voxel: Sequence[float] = ()
) -> tuple[npt.NDArray[np.int64], int]:
    """How many components of ``mask`` :func:`split` would cut, by DEPTHS, and how many there are.

    Each component is taken for one object.
    """
    _, parents, rises = _merge_tree(mask, voxel)
    whole = np.isinf(rises[1:])
    owners = parents
    while not np.array_equal(owners[owners], owners):
        owners = owners[owners]
    cut = [len(np.unique(owners[1:][~whole & (rises[1:] >= depth)])) for depth in DEPTHS]
    return np.array(cut), int(whole.sum())


def learn_depth(cut: npt.NDArray[np.int64], objects: int) -> float:
    """Smallest of ``DEPTHS`` that cuts few of the training objects themselves; 0 = never cut.

    ``cut`` counts for each depth how many of ``objects`` it cuts (:func:`oversplit`). Round cells
    allow a small depth, branched ones none.
    """
    for depth, wrong in zip(DEPTHS, cut, strict=True):
        if objects and wrong <= TOLERATED * objects:
            return depth
    return 0.0


def mark_all(markers: npt.NDArray[np.int32], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """``markers`` (1, 2, ..), and each component of ``mask`` without any as one of its own.

    Else a watershed would lose it: beside a large body, a thin filament has no maximum.
    """
    whole, count = ndimage.label(mask)
    without = np.ones(count + 1, bool)
    without[whole[markers > 0]] = False
    without[0] = False
    numbers = np.zeros(count + 1, np.int32)
    numbers[without] = int(markers.max(initial=0)) + 1 + np.arange(int(without.sum()))
    return np.where(without[whole], numbers[whole], markers)


def _merge_tree(
    mask: npt.NDArray[np.bool_], voxel: Sequence[float]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Basins of the smoothed distance to the background, and how they hang together.

    Returns the basins (0 = background, 1, 2, ..), and for each the higher basin it meets first when
    the level falls, and by how much its maximum rises above the place where they meet; infinite for
    the highest of each component (and for the background, 0).
    """
    lengths = np.asarray(voxel or (1.0,) * mask.ndim)
    distance = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(mask, sampling=lengths).astype(np.float32),
        SMOOTHING / lengths,
    )
    peaks, _ = ndimage.label(local_maxima(distance) & mask, np.ones((3,) * mask.ndim))
    markers = mark_all(np.asarray(peaks, np.int32), mask)
    n = int(markers.max(initial=0))
    basins = np.asarray(watershed(-distance, markers, mask=mask), np.int32)
    heights = np.zeros(n + 1)
    np.maximum.at(heights, basins.ravel(), distance.ravel())
    parents, rises = np.arange(n + 1), np.full(n + 1, np.inf)
    roots = np.arange(n + 1)

    def root(basin: int) -> int:
        while roots[basin] != basin:
            roots[basin] = roots[roots[basin]]
            basin = int(roots[basin])
        return basin

    for one, other, saddle in _saddles(basins, distance):
        low, high = sorted((root(one), root(other)), key=lambda b: heights[b])
        if low != high:
            roots[low] = parents[low] = high
            rises[low] = heights[low] - saddle
    return basins, parents, rises


def _saddles(
    basins: npt.NDArray[np.int32], distance: npt.NDArray[np.float32]
) -> list[tuple[int, int, float]]:
    """Pairs of basins that touch, with the highest place where they do, from high to low."""
    pairs, levels = [], []
    for axis in range(basins.ndim):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(basins.ndim))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in range(basins.ndim))
        touching = (basins[here] != basins[there]) & (basins[here] > 0) & (basins[there] > 0)
        pair = np.stack([basins[here][touching], basins[there][touching]])
        pairs.append(np.sort(pair, axis=0))
        levels.append(np.minimum(distance[here][touching], distance[there][touching]))
    known, which = np.unique(np.concatenate(pairs, axis=1), axis=1, return_inverse=True)
    highest = np.zeros(known.shape[1])
    np.maximum.at(highest, which.ravel(), np.concatenate(levels))
    order = np.argsort(-highest, kind="stable")
    return [(int(known[0, i]), int(known[1, i]), float(highest[i])) for i in order]
