"""Distances to the nearest and the second nearest object: what boundary weights are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.objects import renumber


@dataclass(frozen=True, eq=False)
class TwoNearest:
    """``total``: d1 + d2 in pixels, float32, infinite on objects and wherever d2 > ``reach``.

    ``first`` and ``second``: which objects those are, int32, numbered 1, 2, .. in the order of
    their ids (see :func:`~napari_unet.annotations.objects.renumber`); 0 where there is none.
    """

    total: npt.NDArray[np.float32]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    reach: float


def two_nearest(objects: npt.NDArray[Any], reach: float) -> TwoNearest:
    """Euclidean distances d1 <= d2 of eq. 2 of Ronneberger et al. 2015, exact up to ``reach``.

    ``objects``: ids of shape (y, x) or (z, y, x), 0 = background. An object matters only in its
    bounding box grown by ``reach``, so that one small distance transform an object is enough.
    """
    ids = renumber(objects)
    margin = int(np.ceil(reach))
    nearest = np.full(ids.shape, np.inf, np.float32)
    then = nearest.copy()
    first, second = np.zeros(ids.shape, np.int32), np.zeros(ids.shape, np.int32)
    for number, box in enumerate(ndimage.find_objects(ids), start=1):
        window = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in box)
        distance = ndimage.distance_transform_edt(ids[window] != number).astype(np.float32)
        a, b, one, two = nearest[window], then[window], first[window], second[window]
        closer = distance < a
        between = ~closer & (distance < b)
        b[closer], two[closer] = a[closer], one[closer]
        a[closer], one[closer] = distance[closer], number
        b[between], two[between] = distance[between], number
    nearest += then
    nearest[ids != 0] = np.inf
    return TwoNearest(nearest, first, second, reach)
