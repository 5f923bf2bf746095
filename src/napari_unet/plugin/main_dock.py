"""The dock: sections that show one session, and the timer that drives it."""

from __future__ import annotations

import weakref
from typing import Any

from napari.utils import notifications
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QLabel, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from napari_unet.plugin.annotate_section import AnnotateSection
from napari_unet.plugin.keep_section import KeepSection
from napari_unet.plugin.result_section import ResultSection
from napari_unet.plugin.session import Session
from napari_unet.plugin.train_section import TrainSection
from napari_unet.plugin.widgets import words

TICK = 50
"""Milliseconds between two looks at the engine."""
KEYS = {"Control-Shift-T": "train", "Control-Shift-P": "pause"}

_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


def session_of(viewer: Any) -> Session:
    """The session of a viewer: the same one when the dock is closed and opened again."""
    session = _sessions.get(viewer)
    if session is None or session.closed:
        session = Session(viewer)
        _sessions[viewer] = session
    return session


class MainDock(QScrollArea):
    """Annotate, Train, Results, Keep, and a line for what the user should know."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setObjectName("napari_unet_dock")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(320)
        self.message = words()
        self.message.setObjectName("message")
        self.annotate = AnnotateSection(session)
        self.train = TrainSection(session)
        self.results = ResultSection(session)
        self.keep = KeepSection(session)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(5)
        for title, section in (
            ("Annotate", self.annotate),
            ("Train", self.train),
            ("Results", self.results),
            ("Keep", self.keep),
        ):
            heading = QLabel(f"<b>{title}</b>")
            layout.addWidget(heading)
            layout.addWidget(section)
        layout.addWidget(self.message)
        layout.addStretch(1)
        self.setWidget(inside)
        session.told.connect(self._told)
        for key, name in KEYS.items():
            session.viewer.bind_key(key, getattr(self, f"_key_{name}"), overwrite=True)
        self.timer = QTimer(self)
        self.timer.setInterval(TICK)
        self.timer.timeout.connect(session.tick)
        self.timer.start()
        # napari destroys the widget without closing it: what is bound to the viewer is let go here.
        results, viewer = self.results, session.viewer
        self.destroyed.connect(lambda *_: _release(viewer, results, session))
        self._window_known = False

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Once in its window, the dock knows whose end is the session's end too."""
        super().showEvent(event)
        window = self.window()
        if not self._window_known and isinstance(window, QMainWindow):
            self._window_known = True
            session = self.session
            window.destroyed.connect(lambda *_: end_session(session))

    def _key_train(self, viewer: Any) -> None:
        self.train.train_button.click()

    def _key_pause(self, viewer: Any) -> None:
        self.train.pause_button.click()

    def _told(self, level: str, text: str) -> None:
        color = {"error": "#ff6b6b", "warning": "#e6b450"}.get(level, "palette(text)")
        self.message.setStyleSheet(f"QLabel {{ color: {color}; }}")
        self.message.setText(text)
        self.session.viewer.status = text
        if level == "error":
            notifications.show_error(text)
        elif level == "warning":
            notifications.show_warning(text)


class UNetDock(MainDock):
    """The dock of a viewer, as napari makes it: the manifest names a class, for napari hands its
    viewer to classes only."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(session_of(napari_viewer))


def end_session(session: Session) -> None:
    """The window has gone: everything is kept, the engine ends, nothing holds the viewer."""
    _sessions.pop(session.viewer, None)
    session.close()


def _release(viewer: Any, results: ResultSection, session: Session) -> None:
    for key in KEYS:
        viewer.bind_key(key, None, overwrite=True)
    results.release()
