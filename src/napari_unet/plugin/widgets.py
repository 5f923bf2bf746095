"""Small things that all sections of the dock use."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QGraphicsOpacityEffect, QLabel, QPushButton, QSizePolicy, QWidget

from napari_unet.errors import UserError
from napari_unet.plugin.session import Session

log = logging.getLogger(__name__)


def button(text: str, tip: str, pressed: Callable[[], Any], *, name: str = "") -> QPushButton:
    """A push button; ``name`` is its object name, by which tests and scripts find it."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setObjectName(name or text.lower().replace(" ", "_"))
    made.clicked.connect(lambda *_: pressed())
    return made


def words(text: str = "", *, faint: bool = False) -> QLabel:
    """A label that wraps and never widens the dock."""
    made = QLabel(text)
    made.setWordWrap(True)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if faint:  # of the text's own colour, so that it can be read on light and on dark
        effect = QGraphicsOpacityEffect(made)
        effect.setOpacity(0.65)
        made.setGraphicsEffect(effect)
    return made


def on_dark(widget: QWidget) -> bool:
    """Whether the theme has light text on dark."""
    return widget.palette().color(widget.foregroundRole()).lightness() > 127


def swatch(color: str) -> QIcon:
    """A square of one colour."""
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)


def guarded(session: Session, action: Callable[..., Any]) -> Callable[..., None]:
    """``action`` whose failures become one sentence; nothing reaches Qt's event loop."""

    @functools.wraps(action)
    def run(*arguments: Any) -> None:
        session.told.emit("info", "")  # what was said before is about something else
        try:
            action(*arguments)
        except UserError as error:
            session.tell("error", str(error))
        except Exception as error:
            log.exception("an action of the dock failed")
            session.tell("error", f"That did not work: {error}. Details are in the log.")

    return run


class Section(QWidget):
    """A part of the dock that shows the session and acts on it, until it is released."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._connected: list[tuple[Any, Callable[..., Any]]] = []

    def guard(self, action: Callable[..., Any]) -> Callable[..., None]:
        """See :func:`guarded`."""
        return guarded(self.session, action)

    def listen(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect to the session, or to the viewer, until :meth:`release`."""
        signal.connect(slot)
        self._connected.append((signal, slot))

    def release(self) -> None:
        """Let go of session and viewer: the dock was closed."""
        for signal, slot in self._connected:
            signal.disconnect(slot)
        self._connected.clear()
