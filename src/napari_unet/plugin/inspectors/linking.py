"""A Labels layer that says which of its labels the user picked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

log = logging.getLogger(__name__)

Picked = Callable[[int], None]


class LabelLink:
    """Calls ``picked`` with a label that was picked with napari's picker or clicked on.

    A click counts while the layer is the active one and is only looked at (pan and zoom), and when
    it did not move the view. :meth:`release` lets go of the layer.
    """

    def __init__(self, layer: Any, picked: Picked) -> None:
        self.layer = layer
        self._picked = picked
        # A new colormap emits the event too: only another label than before was picked.
        self._last = int(layer.selected_label)
        layer.events.selected_label.connect(self._changed)
        layer.mouse_drag_callbacks.append(self._clicked)

    def select(self, label: int) -> None:
        """Make it the layer's selected label without saying so."""
        self._last = label
        self.layer.selected_label = label

    def release(self) -> None:
        """The layer is no longer ours."""
        self.layer.events.selected_label.disconnect(self._changed)
        if self._clicked in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._clicked)

    def _changed(self, event: Any = None) -> None:
        label = int(self.layer.selected_label)
        if label != self._last:
            self._last = label
            self._picked(label)

    def _clicked(self, layer: Any, event: Any) -> Iterator[None]:
        yield
        if event.type == "mouse_move" or layer.mode != "pan_zoom":
            return
        value = layer.get_value(event.position, world=True)
        if value:
            self.select(int(value))
            self._picked(int(value))
