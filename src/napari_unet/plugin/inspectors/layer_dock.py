"""What docks that work on layers, not on a training, have in common."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable
from typing import Any

from napari.utils import notifications
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_unet.errors import UserError
from napari_unet.plugin.closing import ClosedDock
from napari_unet.plugin.widgets import words

log = logging.getLogger(__name__)


class LayerCombo(QComboBox):
    """A list of the viewer's layers that are fit for something; empty says what is missing."""

    def __init__(self, name: str, tip: str, accepts: Callable[[Any], bool]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self._accepts = accepts
        self._layers: list[Any] = []

    @property
    def layer(self) -> Any | None:
        """The chosen layer."""
        number = self.currentIndex()
        return self._layers[number] if 0 <= number < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """As if the user had chosen this layer."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer))
            self.activated.emit(self.currentIndex())

    def refresh(self, layers: Any) -> None:
        """Show what there is, keeping what was chosen."""
        chosen = self.layer
        self._layers = [one for one in layers if self._accepts(one)]
        self.blockSignals(True)
        self.clear()
        self.addItems([str(one.name) for one in self._layers])
        self.setCurrentIndex(self._layers.index(chosen) if chosen in self._layers else -1)
        self.blockSignals(False)


class LayerDock(ClosedDock):
    """A dock of a viewer: it scrolls, says what went wrong, and lets go when it is closed."""

    def __init__(self, viewer: Any, name: str) -> None:
        super().__init__()
        self.viewer = viewer
        self.setObjectName(name)
        self.setMinimumWidth(320)
        self._connected: list[tuple[Any, Callable[..., Any]]] = []
        self._combos: list[LayerCombo] = []
        self.released = False
        self.message = words()
        self.message.setObjectName("message")
        self.message.hide()
        self.message.setContentsMargins(8, 2, 8, 4)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(8, 4, 8, 4)
        self.content.setSpacing(4)
        inside = QWidget()
        inside.setLayout(self.content)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scroll, 1)
        outside.addWidget(self.message)
        for event in ("inserted", "removed", "reordered", "renamed"):
            if hasattr(viewer.layers.events, event):
                self.listen(getattr(viewer.layers.events, event), self.refresh_layers)
        weak = weakref.WeakMethod(self.release)

        def gone() -> None:
            if (release := weak()) is not None:
                release()

        self.destroyed.connect(gone)

    # ------------------------------------------------------------ layers

    def layer_combo(self, name: str, tip: str, accepts: Callable[[Any], bool]) -> LayerCombo:
        """A list of layers that is kept up to date."""
        made = LayerCombo(name, tip, accepts)
        made.refresh(self.viewer.layers)
        self._combos.append(made)
        return made

    def refresh_layers(self, event: Any = None) -> None:
        """Layers came, went or have other names."""
        for combo in self._combos:
            combo.refresh(self.viewer.layers)

    # ------------------------------------------------------------ saying

    def tell(self, text: str, level: str = "info") -> None:
        """A sentence below everything; '' takes the last one away."""
        self.message.setVisible(bool(text))
        self.message.setText(text)
        if text:
            self.viewer.status = text
        if level == "error":
            notifications.show_error(text)

    def guard(self, action: Callable[..., Any]) -> Callable[..., None]:
        """``action`` whose failures become one sentence; nothing reaches Qt's event loop."""

        @functools.wraps(action)
        def run(*arguments: Any) -> None:
            self.tell("")
            try:
                action(*arguments)
            except UserError as error:
                self.tell(str(error), "error")
            except Exception as error:
                log.exception("an action of the dock failed")
                self.tell(f"That did not work: {error}. Details are in the log.", "error")

        return run

    # ------------------------------------------------------------ ending

    def listen(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect until :meth:`release`."""
        emitter.connect(callback)
        self._connected.append((emitter, callback))

    def release(self) -> None:
        """Let go of viewer and layers: the dock was closed."""
        if self.released:
            return
        self.released = True
        for emitter, callback in self._connected:
            try:
                emitter.disconnect(callback)
            except (RuntimeError, ValueError):
                log.debug("a layer had gone already")
        self._connected.clear()
