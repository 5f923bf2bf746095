"""Showing a place of an image in the middle of the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.plugin.images import ImageEntry

VIEW = 160
"""Pixels of the image that are on screen, about, after going there."""
CANVAS = 600
"""Pixels of the screen that a canvas has along its shorter side, about."""


def go_to(
    viewer: Any,
    entry: ImageEntry,
    index: Sequence[int],
    place: Sequence[float],
    view: float | None = VIEW,
) -> None:
    """Show pixel ``place`` of plane ``index``; zoom in until about ``view`` pixels are on screen.

    The view is never zoomed out. ``view`` None leaves the zoom as it is.
    """
    axes = entry.layer_axes()
    position = [0.0] * entry.layer.ndim
    for axis, value in zip(axes, [*index, *place], strict=True):
        position[axis] = float(value)
    world = np.asarray(entry.layer.data_to_world(position), float)
    viewer.scene.camera.center = tuple(world[-3:]) if len(world) >= 3 else (0.0, *world)
    first = viewer.dims.ndim - len(world)
    for axis in (a for a in axes if first + a not in viewer.dims.displayed):
        viewer.dims.set_point(first + axis, world[axis])
    if view is not None:
        pixel = abs(float(entry.layer.scale[axes[-1]])) or 1.0
        viewer.scene.camera.zoom = max(viewer.scene.camera.zoom, CANVAS / (view * pixel))
