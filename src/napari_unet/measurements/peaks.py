"""Maxima that keep a distance from one another, also where voxels are longer along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.feature import peak_local_max
from skimage.morphology import local_maxima

Array = npt.NDArray[Any]


def peaks(height: Array, whole: Array, apart: float, voxel: Array) -> npt.NDArray[np.int64]:
    """Places (n, dims) of the maxima of each component of ``whole`` (0 = none).

    Nothing of the same component is higher within ``apart`` times the shortest side of a voxel, and
    no two are nearer to one another. ``voxel``: its sides, in the shortest. Planes and cubes are
    searched in boxes of ``apart`` pixels to each side, as scikit-image does; other voxels in balls.
    """
    if height.ndim == 2 or voxel.max() <= voxel.min() * (1 + 1e-6):
        near = max(1, round(apart))
        return np.asarray(
            peak_local_max(
                height, min_distance=near, labels=whole, num_peaks=height.size, exclude_border=False
            )
        )
    places = np.argwhere(local_maxima(height) & (whole > 0))
    places = places[np.argsort(-height[tuple(places.T)], kind="stable")]
    ball = _ball(max(1.0, apart), voxel)
    reach = np.array(ball.shape) // 2
    taken = np.zeros(height.shape, bool)
    kept = []
    for place in places:
        middle = tuple(place)
        if taken[middle]:
            continue
        start = np.maximum(place - reach, 0)
        stop = np.minimum(place + reach + 1, height.shape)
        box = tuple(map(slice, start, stop))
        inside = tuple(map(slice, start - place + reach, stop - place + reach))
        near = ball[inside] & (whole[box] == whole[middle])
        if height[box][near].max() <= height[middle]:
            taken[box] |= near  # so that one is left of a plateau
            kept.append(place)
    return np.array(kept, np.int64).reshape(-1, height.ndim)


def _ball(radius: float, voxel: Array) -> npt.NDArray[np.bool_]:
    """The voxels whose middle is at most ``radius`` away from that of the one in the middle."""
    lengths = [np.arange(-(n := int(radius / v)), n + 1) * v for v in voxel]
    squares = [axis**2 for axis in np.meshgrid(*lengths, indexing="ij", sparse=True)]
    return np.asarray(sum(squares) <= radius**2, bool)
