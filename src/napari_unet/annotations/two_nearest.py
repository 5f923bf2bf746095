"""Distances to the nearest and the second nearest object: what boundary weights are made of."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.objects import renumber

MOST_THREADS = 4
AT_ONCE = 2**16
"""Pixels of windows that a thread measures before it hands over, which takes time, too."""
FAR = np.int32(2**30)
"""Squared: 32768 pixels, as good as no object at all."""
Window = tuple[slice, ...]
Keys = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TwoNearest:
    """The background pixels that have two objects within ``reach``, and some that are just beyond.

    ``places``: where they are in the flattened image, ascending. ``total``: their d1 + d2, float32.
    """

    places: npt.NDArray[np.intp]
    total: npt.NDArray[np.float32]
    reach: float
    _form: _Form
    _nearest: Keys
    _then: Keys

    @cached_property
    def first(self) -> npt.NDArray[np.int32]:
        """Their nearest objects: int32, numbered 1, 2, .. in the order of the ids (see
        :func:`~napari_unet.annotations.objects.renumber`)."""
        return self._form.numbers(self._nearest)

    @cached_property
    def second(self) -> npt.NDArray[np.int32]:
        """Their second nearest objects, numbered likewise."""
        return self._form.numbers(self._then)


def two_nearest(objects: npt.NDArray[Any], reach: float, voxel: Sequence[float] = ()) -> TwoNearest:
    """Euclidean distances d1 <= d2 of eq. 2 of Ronneberger et al. 2015, exact up to ``reach``.

    ``objects``: ids of shape (y, x) or (z, y, x), 0 = background. An object matters only in its
    bounding box grown by ``reach``, so that one small distance transform an object is enough.
    ``voxel``: length of a voxel along each axis; distances and ``reach`` are in the same unit.
    """
    ids, boxes = _boxes(objects)
    lengths = tuple(voxel) or (1.0,) * ids.ndim
    margins = [int(np.ceil(reach / length)) for length in lengths]
    windows = [
        tuple(
            slice(max(0, s.start - m), min(s.stop + m, n))
            for s, m, n in zip(box, margins, ids.shape, strict=True)
        )
        for box in boxes
    ]
    form = _Form.of(windows, lengths)
    nearest = np.full(ids.shape, form.far, form.type)
    then = nearest.copy()
    for window, key in _measured(ids, windows, form):
        one, two = nearest[window], then[window]
        np.minimum(two, np.maximum(one, key), out=two)
        np.minimum(one, key, out=one)
    places = np.flatnonzero((then != form.far) & (ids == 0))
    nearest, then = nearest.ravel()[places], then.ravel()[places]
    total = form.distances(nearest) + form.distances(then)
    return TwoNearest(places, total, reach, form, nearest, then)


def _boxes(objects: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int32], list[Window]]:
    """Ids 1, 2, .. without gaps, and where each object is; no copy where they are so already."""
    ids = np.asarray(objects)
    if ids.size and ids.dtype.kind in "biu" and ids.min() >= 0 and ids.max() <= ids.size:
        numbers = ids.astype(np.int32, copy=False)
        boxes = ndimage.find_objects(numbers)
        if None not in boxes:
            return numbers, boxes
    numbers = renumber(ids)
    return numbers, ndimage.find_objects(numbers)


@dataclass(frozen=True)
class _Form:
    """How distance and object make one number: the square above, the object below, so that one
    comparison orders both. Squares of whole numbers are exact. In 32 bits where they fit; else in
    64, of voxels that are no cubes with the bits of a float above, which are ordered as the floats.
    """

    lengths: tuple[float, ...]
    shift: int
    type: type[np.int32] | type[np.int64]

    @classmethod
    def of(cls, windows: Sequence[Window], lengths: tuple[float, ...]) -> _Form:
        """What suits objects in these windows."""
        shift = len(windows).bit_length()
        longest = max((sum((s.stop - s.start) ** 2 for s in w) for w in windows), default=0)
        if set(lengths) == {1.0} and longest < 2 ** (31 - shift) - 1:
            return cls(lengths, shift, np.int32)
        return cls(lengths, 32, np.int64)

    @property
    def cubes(self) -> bool:
        return set(self.lengths) == {1.0}

    @property
    def far(self) -> int:
        """No object at all."""
        if self.type is np.int32:
            return ((1 << (31 - self.shift)) - 1) << self.shift
        return int(_bits(FAR if self.cubes else np.float32(FAR))) << 32

    def key(self, number: int, window: npt.NDArray[np.int32]) -> Keys:
        """Of the object ``number`` for every pixel of a window of ids."""
        apart = window != number
        squares: Any = _squares(apart) if self.cubes else self._world(apart)
        key: Keys = squares.astype(self.type, copy=False)
        key <<= self.shift
        np.bitwise_or(key, number, out=key)
        return key

    def _world(self, apart: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        far = ndimage.distance_transform_edt(apart, sampling=self.lengths)
        bits: npt.NDArray[np.int32] = _bits(np.minimum(far**2, FAR).astype(np.float32))
        return bits

    def numbers(self, keys: Keys) -> npt.NDArray[np.int32]:
        """The objects."""
        return (keys & ((1 << self.shift) - 1)).astype(np.int32)

    def distances(self, keys: Keys) -> npt.NDArray[np.float32]:
        """In the unit of ``lengths``."""
        squares = (keys >> self.shift).astype(np.int32, copy=False)
        found: npt.NDArray[np.float32] = np.sqrt(
            squares if self.cubes else squares.view(np.float32), dtype=np.float32
        )
        return found


def _bits(square: Any) -> Any:
    return square.view(np.int32)


def _squares(apart: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Squared distance to where ``apart`` is False, in pixels."""
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


def _measured(
    ids: npt.NDArray[np.int32], windows: Sequence[Window], form: _Form
) -> Iterator[tuple[Window, Keys]]:
    """The keys of each object, 1, 2, .. in turn, in its window.

    scipy lets go of the interpreter meanwhile: the next few are computed at the same time.
    """

    def some(group: range) -> list[tuple[Window, Keys]]:
        return [(windows[n], form.key(n + 1, ids[windows[n]])) for n in group]

    groups = _groups([math.prod(s.stop - s.start for s in window) for window in windows])
    threads = min(MOST_THREADS, os.cpu_count() or 1, len(groups))
    if threads < 2:
        for group in groups:
            yield from some(group)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="distances") as pool:
        # A few ahead, so that memory holds no more than these.
        ahead = 2 * threads
        waiting = deque(pool.submit(some, group) for group in groups[:ahead])
        for place in range(len(groups)):
            yield from waiting.popleft().result()
            if place + ahead < len(groups):
                waiting.append(pool.submit(some, groups[place + ahead]))


def _groups(pixels: Sequence[int]) -> list[range]:
    """Neighbours that have no more than ``AT_ONCE`` pixels together; larger ones alone."""
    groups, start, together = [], 0, 0
    for number, one in enumerate(pixels):
        if number > start and together + one > AT_ONCE:
            groups.append(range(start, number))
            start, together = number, 0
        together += one
    return [*groups, range(start, len(pixels))] if pixels else []
