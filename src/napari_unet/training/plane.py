"""One plane that is learned from: its pixels, its labels, and what of them is held out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.holes import hole_sizes
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.splitting import oversplit
from napari_unet.images.image import Box, Image, Index
from napari_unet.images.normalise import Normalisation
from napari_unet.images.tiling import read_mirrored

Key = tuple[str, Index]
"""A plane: name of its image and leading position."""

CANDIDATES = 4096
LOOKED_AT = {2: 2048, 3: 128}
"""Pixels along each axis of a plane that are looked at for necks and holes of its objects."""
KEPT_IN_MEMORY = 64 * 2**20
"""Planes of up to this many bytes are read once; larger ones piece by piece, every time."""


@dataclass(frozen=True)
class HeldOut:
    """Part of a plane that is never trained on; ``scored`` is False for a guard plane."""

    box: Box
    scored: bool = True


@dataclass(eq=False)
class TrainingPlane:
    """One plane. ``classes`` and ``boundary`` cover only ``window``, the box that holds labels."""

    image: Image
    index: Index
    normalisation: Normalisation
    window: Box
    truth: npt.NDArray[np.uint8] = field(repr=False)
    """Class map, UNLABELLED where nothing is known."""
    boundary: npt.NDArray[np.float16] | None = field(repr=False)
    object_sizes: npt.NDArray[np.int64] = field(repr=False)
    pixels: npt.NDArray[Any] | None = field(default=None, repr=False)
    """(C, *spatial) as read; None for planes too large to keep."""
    held_out: HeldOut | None = None
    voxel: tuple[float, ...] = ()
    """Length of a voxel along each axis, in that of the shortest; empty = all alike."""
    classes: npt.NDArray[np.uint8] = field(init=False, repr=False)
    """``truth`` without what is held out: what is trained on."""
    candidates: dict[int, npt.NDArray[np.int64]] = field(init=False, repr=False)
    labelled: npt.NDArray[np.int64] = field(init=False, repr=False)
    """Pixels of each class in ``truth``."""
    trained: npt.NDArray[np.int64] = field(init=False, repr=False)
    """Pixels of each class in ``classes``."""
    guard: int = field(init=False, default=0)
    """Width of the band around what is held out."""

    def __post_init__(self) -> None:
        self.labelled = _counts(self.truth)
        self.hold_out(self.held_out)
        if self.pixels is not None:
            return
        pixels = int(np.prod(self.image.spatial_shape)) * self.image.channels
        if pixels * np.dtype(self.image.data.dtype).itemsize <= KEPT_IN_MEMORY:
            self.pixels = self.image.read(self.index)

    @cached_property
    def oversplit(self) -> tuple[npt.NDArray[np.int64], int]:
        """See :func:`napari_unet.annotations.splitting.oversplit`; of a part of a large plane."""
        part = self._looked_at()
        return oversplit((part != 0) & (part != UNLABELLED), self.voxel)

    @cached_property
    def holes(self) -> tuple[npt.NDArray[np.int64], int]:
        """See :func:`napari_unet.annotations.holes.hole_sizes`; of the same part."""
        return hole_sizes(self._looked_at())

    def _looked_at(self) -> npt.NDArray[np.uint8]:
        return self.truth[(slice(LOOKED_AT[self.truth.ndim]),) * self.truth.ndim]

    @property
    def key(self) -> Key:
        return self.image.name, self.index

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.spatial_shape

    def hold_out(self, held_out: HeldOut | None, guard: int = 0) -> None:
        """Take a box and a band of ``guard`` pixels around it out of what is trained on.

        Along an axis with longer voxels the band has fewer of them.
        """
        self.held_out, self.guard = held_out, guard
        self.classes, self.trained = self.truth, self.labelled
        if held_out is not None:
            self.classes = self.truth.copy()
            inside = tuple(
                slice(max(0, a - start), max(0, b - start))
                for (a, b), (start, _) in zip(
                    self.guarded(held_out.box, guard), self.window, strict=True
                )
            )
            self.classes[inside] = UNLABELLED
            self.trained = _counts(self.classes)
        self.candidates = _candidates(self.classes, self.trained)

    def guarded(self, box: Box, guard: int) -> Box:
        """``box`` and a band around it, ``guard`` times as wide as the shortest voxel."""
        voxel = self.voxel or (1.0,) * len(box)
        bands = [math.ceil(guard / length) for length in voxel]
        return tuple((a - band, b + band) for (a, b), band in zip(box, bands, strict=True))

    def read_inside(self, box: Box) -> npt.NDArray[np.float32]:
        """Normalised pixels (C, *box) of a box inside the plane."""
        if self.pixels is not None:
            pixels = self.pixels[(slice(None), *(slice(a, b) for a, b in box))]
        else:
            pixels = self.image.read(self.index, box)
        return self.normalisation.apply(pixels)

    def read_pixels(self, box: Box) -> npt.NDArray[np.float32]:
        """The same, mirrored where ``box`` reaches outside the plane."""
        return read_mirrored(self.read_inside, box, self.shape)

    def read_labels(self, box: Box) -> npt.NDArray[np.float32]:
        """Class (UNLABELLED outside the window) and boundary weight: (2, *box)."""
        labels = np.empty((2, *(b - a for a, b in box)), np.float32)
        labels[0], labels[1] = UNLABELLED, 0
        to: list[slice] = []
        of: list[slice] = []
        for (a, b), (start, stop) in zip(box, self.window, strict=True):
            low = max(a, start)
            high = max(min(b, stop), low)
            to.append(slice(low - a, high - a))
            of.append(slice(low - start, high - start))
        labels[0][tuple(to)] = self.classes[tuple(of)]
        if self.boundary is not None:
            labels[1][tuple(to)] = self.boundary[tuple(of)]
        return labels


def _counts(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Pixels of each of the 255 possible classes."""
    return np.bincount(classes.ravel(), minlength=256)[:UNLABELLED]


def _candidates(
    classes: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64]
) -> dict[int, npt.NDArray[np.int64]]:
    """Flat positions of labelled pixels by class, evenly thinned out where there are many."""
    flat = classes.ravel()
    found: dict[int, npt.NDArray[np.int64]] = {}
    for value in np.flatnonzero(counts):
        places = np.flatnonzero(flat == value)
        if len(places) > CANDIDATES:
            chosen = np.random.default_rng(int(value)).choice(len(places), CANDIDATES, False)
            places = places[np.sort(chosen)]
        found[int(value)] = places
    return found
