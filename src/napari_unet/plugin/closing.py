"""How a dock learns that it was closed, which napari does not tell."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QMainWindow, QWidget


class ClosedDock(QWidget):
    """A widget in a dock: :meth:`release` is called when the dock is closed with X.

    Closing is told by nothing but the widget being taken out of its window, and only one that was
    in a window can be taken out of it. Opening the dock again makes a new widget.
    """

    _window_known = False

    def release(self) -> None:
        """Let go of everything; called more than once."""

    def in_window(self, window: QMainWindow) -> None:
        """The widget is shown in its window for the first time."""

    def event(self, event: QEvent | None) -> bool:
        """See the class."""
        taken_out = event is not None and event.type() == QEvent.Type.ParentChange
        if taken_out and self._window_known and self.parent() is None:
            self.release()
            self.deleteLater()
        return bool(super().event(event))

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """See the class."""
        super().showEvent(event)
        window = self.window()
        if not self._window_known and isinstance(window, QMainWindow):
            self._window_known = True
            self.in_window(window)
