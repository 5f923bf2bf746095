"""Distances to the nearest and the second nearest object: what boundary weights are made of."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.objects import renumber

MOST_THREADS = 4
FAR = np.int32(2**30)
"""Squared: 32768 pixels, as good as no object at all."""
Window = tuple[slice, ...]


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


def two_nearest(objects: npt.NDArray[Any], reach: float, voxel: Sequence[float] = ()) -> TwoNearest:
    """Euclidean distances d1 <= d2 of eq. 2 of Ronneberger et al. 2015, exact up to ``reach``.

    ``objects``: ids of shape (y, x) or (z, y, x), 0 = background. An object matters only in its
    bounding box grown by ``reach``, so that one small distance transform an object is enough.
    ``voxel``: length of a voxel along each axis; distances and ``reach`` are in the same unit.
    """
    ids = renumber(objects)
    lengths = tuple(voxel) or (1.0,) * ids.ndim
    margins = [int(np.ceil(reach / length)) for length in lengths]
    # Squares of whole numbers until the end: nothing is rounded.
    number_type = np.int32 if set(lengths) == {1.0} else np.float32
    # The squared distance in the upper half, the object in the lower: one comparison orders both,
    # for bits of floats that are not negative are in the order of their numbers.
    nearest = np.full(ids.shape, _bits(number_type(FAR)) << 32, np.int64)
    then = nearest.copy()
    windows = [
        tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(box, margins, strict=True))
        for box in ndimage.find_objects(ids)
    ]
    for number, window, distance in _distances(ids, windows, lengths):
        key = _bits(distance)
        key <<= 32
        key |= number
        one, two = nearest[window], then[window]
        np.minimum(two, np.maximum(one, key), out=two)
        np.minimum(one, key, out=one)
    first, second = nearest.astype(np.int32), then.astype(np.int32)
    total = np.zeros(ids.shape, np.float32)
    for keys in (nearest, then):
        keys >>= 32
        total += np.sqrt(keys.astype(np.int32).view(number_type), dtype=np.float32)
    total[(second == 0) | (ids != 0)] = np.inf
    return TwoNearest(total, first, second, reach)


def _bits(squares: Any) -> Any:
    """The 32 bits of each number, as int64."""
    return squares.view(np.int32).astype(np.int64)


def _distances(
    ids: npt.NDArray[np.int32], windows: Sequence[Window], lengths: tuple[float, ...]
) -> Iterator[tuple[int, Window, npt.NDArray[Any]]]:
    """Squared distance from each object, 1, 2, .. in turn, in its window.

    scipy lets go of the interpreter meanwhile: the next few are computed at the same time.
    """
    cubes = set(lengths) == {1.0}

    def one(number: int) -> npt.NDArray[Any]:
        apart = ids[windows[number - 1]] != number
        if not cubes:
            far = ndimage.distance_transform_edt(apart, sampling=lengths)
            squares: npt.NDArray[np.float32] = np.minimum(far**2, FAR).astype(np.float32)
            return squares
        nearest = ndimage.distance_transform_edt(apart, return_distances=False, return_indices=True)
        # Beyond this the square of a diagonal does not fit in 32 bits.
        large = np.hypot.reduce(np.array(apart.shape, float)) > 2**15
        squared = np.zeros(apart.shape, np.int64 if large else np.int32)
        for axis, place in enumerate(nearest):
            shape = [1] * apart.ndim
            shape[axis] = -1
            place -= np.arange(apart.shape[axis], dtype=np.int32).reshape(shape)
            squared += np.square(place, dtype=squared.dtype)
        return np.minimum(squared, FAR).astype(np.int32) if large else squared

    threads = min(MOST_THREADS, os.cpu_count() or 1, len(windows))
    if threads < 2:
        yield from ((n, window, one(n)) for n, window in enumerate(windows, start=1))
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="distances") as pool:
        # A few ahead, so that memory holds no more than these.
        ahead = 4 * threads
        waiting = deque(pool.submit(one, n) for n in range(1, min(ahead, len(windows)) + 1))
        for number, window in enumerate(windows, start=1):
            yield number, window, waiting.popleft().result()
            if number + ahead <= len(windows):
                waiting.append(pool.submit(one, number + ahead))
