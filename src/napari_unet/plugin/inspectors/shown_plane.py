"""Noticing that a layer's array was written into, of which napari says nothing but that it is drawn
anew, as it also does when sliders move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.viewer import Viewer


class ShownPlane:
    """Calls ``changed`` when the plane on screen has other values than when it was last drawn."""

    def __init__(self, viewer: Viewer, layer: Any, changed: Callable[[], None]) -> None:
        self._viewer, self._layer, self._changed = viewer, layer, changed
        self._known = plane_of(viewer, layer)
        layer.events.set_data.connect(self._drawn)

    def release(self) -> None:
        """The layer is no longer watched."""
        self._layer.events.set_data.disconnect(self._drawn)

    def _drawn(self, event: Any = None) -> None:
        before, self._known = self._known, plane_of(self._viewer, self._layer)
        if before is None or self._known is None or before[0] != self._known[0]:
            return
        if not np.array_equal(before[1], self._known[1]):
            self._changed()


def plane_of(viewer: Viewer, layer: Any) -> tuple[tuple[int, ...], Any] | None:
    """Index and a copy of the plane on screen; None where reading it may take long."""
    if not isinstance(layer.data, np.ndarray):
        return None
    world = np.asarray(viewer.dims.point, float)[-layer.ndim :]
    index = tuple(
        int(np.clip(round(float(p)), 0, n - 1))
        for p, n in zip(layer.world_to_data(world)[:-2], layer.data.shape, strict=False)
    )
    return index, np.array(layer.data[index])
