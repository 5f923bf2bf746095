"""What a drawn scene teaches, pixel by pixel, beyond inside and outside. Free of torch.

A network that has to say nothing but whether a pixel is inside an object forgets all else on the
way: its deep features become copies of each other. What a person will ask of it is not known
beforehand, so it learns whatever the drawing knows: outlines, gaps, depth, where the middle of the
object is and how large it is, the picture without noise, and what kind of scene it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_unet.start.fields import Field, Ids
from napari_unet.start.scenes import Scene

LINES = ("border", "gap")
VALUES = ("clean", "depth", "towards y", "towards x", "radius")
ON_OBJECTS = 3
"""The last so many values are known inside of objects only."""
GAP_WIDTH = 5.0
"""Pixels across a gap that are marked at most."""
DEPTH_SCALE = 8.0
"""Pixels from a border beyond which it hardly matters how far away it is."""


@dataclass(frozen=True)
class Lesson:
    """``inside``: bool (y, x). ``lines``: bool (LINES, y, x). ``values``: float32 (VALUES, y, x).

    *border*: the pixels to both sides of an outline. *gap*: where two objects meet, the background
    between them or, where they touch, the pixels along the line. *clean*: the grey value without
    noise. *depth*: distance to the next border, squeezed to -1..1 and negative outside. *towards*:
    how far the middle of the object is away, in radii. *radius*: natural logarithm, in pixels, less
    2.5.
    """

    inside: npt.NDArray[np.bool_]
    lines: npt.NDArray[np.bool_]
    values: Field


def lesson_of(scene: Scene) -> Lesson:
    """All that is known of every pixel of a scene."""
    ids = scene.ids
    inside = ids > 0
    border = find_boundaries(ids, mode="thick")
    away = ndimage.distance_transform_edt(~border) if border.any() else np.full(ids.shape, np.inf)
    depth = np.tanh(away / DEPTH_SCALE) * np.where(inside, 1, -1)
    return Lesson(
        inside,
        np.stack([border, _gap(ids)]),
        np.stack([np.clip(scene.clean, -1.5, 1.5), depth, *_object_values(ids)]).astype(np.float32),
    )


def _gap(ids: Ids) -> npt.NDArray[np.bool_]:
    """Near the line on which the nearest object changes, and near an object."""
    away, nearest = ndimage.distance_transform_edt(ids == 0, return_indices=True)
    meeting = find_boundaries(ids[tuple(nearest)], mode="thick")
    if not ids.any() or not meeting.any():
        return np.zeros(ids.shape, bool)
    near = ndimage.distance_transform_edt(~meeting) < GAP_WIDTH / 2
    return np.asarray(near & (away < GAP_WIDTH))


def _object_values(ids: Ids) -> list[npt.NDArray[Any]]:
    """Towards y, towards x, and radius; 0 outside of objects."""
    inside = ids > 0
    areas = np.bincount(ids.ravel())
    radius = np.sqrt(np.maximum(areas, 1) / np.pi).clip(min=1)
    found = []
    for grid in np.indices(ids.shape):
        middle = np.bincount(ids.ravel(), weights=grid.ravel()) / np.maximum(areas, 1)
        found.append(np.where(inside, (middle[ids] - grid) / radius[ids], 0).clip(-2, 2))
    return [*found, np.where(inside, np.log(radius[ids]) - 2.5, 0)]
