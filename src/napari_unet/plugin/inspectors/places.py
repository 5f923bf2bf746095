"""Where layers lie, and going to a place in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST = 0.1
"""Part of the visible side that a thing fills at least after going to it."""


def placement_of(layer: Any, dropped: int = 0) -> dict[str, Any]:
    """Arguments that put a new layer where ``layer`` lies, without its first ``dropped`` axes."""
    arguments: dict[str, Any] = {
        "scale": [float(s) for s in layer.scale[dropped:]],
        "translate": [float(t) for t in layer.translate[dropped:]],
        "units": list(layer.units[dropped:]),
        "axis_labels": list(layer.axis_labels[dropped:]),
    }
    if not dropped:
        arguments |= {"rotate": layer.rotate, "shear": layer.shear, "affine": layer.affine}
    return arguments


def spatial_dims(layer: Any, ndim: int) -> int:
    """3 where the third axis from the end is named z, else 2."""
    labels = [str(a).lower() for a in layer.axis_labels]
    return 3 if ndim >= 3 and labels[-3] == "z" else 2


def go_to(
    viewer: Any, layer: Any, position: Sequence[float], sides: Sequence[float] | None = None
) -> None:
    """Show a pixel of ``layer`` in the middle of the canvas, its plane too.

    ``sides``: how large the thing there is, in pixels by axis of the layer, or by the last ones. So
    small that it could not be seen, it is zoomed in on.
    """
    world = np.asarray(layer.data_to_world(position), float)
    first = viewer.dims.ndim - len(world)
    displayed = viewer.dims.displayed
    for axis in range(len(world)):
        if first + axis not in displayed:
            viewer.dims.set_point(first + axis, world[axis])
    center = [world[a - first] if a >= first else 0.0 for a in displayed]
    viewer.scene.camera.center = (*(0.0,) * (3 - len(center)), *center)
    if sides is None:
        return
    corners = np.asarray(layer.corner_pixels, float)
    visible = (corners[1] - corners[0])[[a - first for a in displayed if a >= first]]
    size = max(sides[-2:])
    if visible.size and visible.min() > 0 and size < SMALLEST * visible.max():
        viewer.scene.camera.zoom *= float(SMALLEST * visible.max() / max(size, 1.0))


def unit_of(layer: Any, dims: int) -> tuple[str, list[float]]:
    """Unit of the last axis, short ('px', 'µm'), and what turns each spatial axis into it.

    Units of another kind (pixels beside micrometres) are taken as they are.
    """
    units = list(layer.units[-dims:])
    last = units[-1]
    factors = []
    for unit in units:
        try:
            factors.append(float((1 * unit).to(last).magnitude))
        except Exception:  # pint has its own errors
            factors.append(1.0)
    short = f"{last:~}"
    return ("px" if short in ("pixel", "px", "") else short), factors
