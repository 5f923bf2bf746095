"""What the user is looking at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.engine.protocol import Box, Index
from napari_unet.plugin.images import ImageEntry

SMALL = 1_200_000
"""Pixels up to which a plane is predicted whole: panning then shows nothing old."""
LONGEST = 1024
"""Longest side of the part of a larger plane that is predicted."""
ON_SCREEN = 4_000_000
"""Pixels of a level that are predicted at a time, at most; napari draws up to two a point of the
screen."""
READ_IN_3D = 8_000_000
"""Voxels, at most, that a network reads to predict a part of one plane of a volume."""


def current_index(viewer: Any, entry: ImageEntry) -> Index:
    """Leading position that the sliders show."""
    leading = len(entry.image.leading_shape)
    if not leading:
        return ()
    world = np.asarray(viewer.dims.point, float)[-entry.layer.ndim :]
    position = np.asarray(entry.layer.world_to_data(world), float)
    axes = entry.layer_axes()[:leading]
    return tuple(
        int(np.clip(round(float(position[a])), 0, n - 1))
        for a, n in zip(axes, entry.image.leading_shape, strict=True)
    )


def screen_box(entry: ImageEntry) -> Box:
    """Part of the plane that is on screen, in pixels; all of it where that is not known."""
    corners = np.asarray(entry.layer.corner_pixels)
    if entry.layer.multiscale:
        factors = np.asarray(entry.layer.downsample_factors)[entry.layer.data_level]
        corners = corners * factors[: corners.shape[1]]
    axes = [a for a in range(len(entry.image.axes)) if entry.image.axes[a] in "yx"]
    box = []
    for axis, n in zip(axes, entry.image.spatial_shape, strict=True):
        low, high = max(0, int(corners[0, axis])), min(n, int(corners[1, axis]) + 1)
        box.append((low, high) if high - low >= 2 else (0, n))
    return tuple(box)


@dataclass(frozen=True)
class View:
    """What is on screen, at the level of the pyramid that is on screen."""

    index: Index
    level: int
    """Of the layer; 0 is the full resolution."""
    coarser: int
    """How many pixels of the level, along each axis, are one here; 1 unless the level is large."""
    factor: tuple[float, ...]
    """Pixels of the image, by axis, that are one pixel here."""
    box: Box
    """In pixels of here."""

    @property
    def is_full(self) -> bool:
        """Whether these are the pixels of the image itself."""
        return self.level == 0 and self.coarser == 1


def on_screen(viewer: Any, entry: ImageEntry, most: int = ON_SCREEN) -> View:
    """The level and the part of it that napari draws, in at most ``most`` pixels."""
    layer = entry.layer
    axes = [entry.image.axes.index(a) for a in "yx"]
    level = int(layer.data_level) if layer.multiscale else 0
    factors = np.ones(2)
    if layer.multiscale:
        factors = np.asarray(layer.downsample_factors)[level][axes]
    seen = screen_box(entry)
    coarser = 1
    while np.prod([(b - a) / f for (a, b), f in zip(seen, factors, strict=True)]) > (
        most * coarser**2
    ):
        coarser *= 2
    data = layer.data[level] if layer.multiscale else layer.data
    box = []
    for (a, b), f, axis in zip(seen, factors * coarser, axes, strict=True):
        n = max(1, data.shape[axis] // coarser)
        low = min(n - 1, int(a / f))
        box.append((low, max(low + 1, min(n, int(np.ceil(b / f))))))
    factor = tuple(float(f) for f in factors * coarser)
    return View(current_index(viewer, entry), level, coarser, factor, tuple(box))


def visible_part(viewer: Any, entry: ImageEntry, halo: tuple[int, ...]) -> tuple[Index, Box]:
    """The same for a volume: leading position without z, and a box one plane thick.

    A network for volumes reads its ``halo`` (z, y, x) on all sides, so the part is smaller.
    """
    *leading, z = current_index(viewer, entry)
    height = 1 + 2 * halo[0]
    around = 2 * max(halo[1:])
    longest = int((READ_IN_3D / height) ** 0.5) - around
    longest = max(32, min(LONGEST, longest // 32 * 32))
    return tuple(leading), ((z, z + 1), *visible_box(entry, longest, longest**2))


def visible_box(entry: ImageEntry, longest: int = LONGEST, small: int = SMALL) -> Box:
    """What to predict while the user looks: a small plane whole, of a large one the middle of the
    screen, in steps of 32 pixels, so that panning a little does not ask for a new prediction."""
    shape = entry.image.spatial_shape
    if np.prod(shape) <= small:
        return tuple((0, n) for n in shape)
    box = []
    for (low, high), n in zip(screen_box(entry), shape, strict=True):
        side = min(n, longest, -(-(high - low) // 32) * 32)
        start = max(0, min((low + high - side) // 2, n - side))
        start = start // 32 * 32
        box.append((start, min(n, start + side)))
    return tuple(box)
