"""The dock: sections that show one session, and the timer that drives it."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

from napari.utils import notifications
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QLabel, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from napari_unet.plugin.annotate_section import AnnotateSection
from napari_unet.plugin.closing import ClosedDock
from napari_unet.plugin.keep_section import KeepSection
from napari_unet.plugin.restore_section import RestoreSection
from napari_unet.plugin.result_section import ResultSection
from napari_unet.plugin.session import Session
from napari_unet.plugin.train_section import TrainSection
from napari_unet.plugin.widgets import on_dark, words

TICK = 50
"""Milliseconds between two looks at the engine."""
COLORS = {"error": ("#b3261e", "#ff6b6b"), "warning": ("#855300", "#e6b450")}
"""Of sentences, on light and on dark."""
KEYS = {"Control-Shift-T": "train", "Control-Shift-P": "pause"}

_sessions: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()
_timers: weakref.WeakKeyDictionary[Session, QTimer] = weakref.WeakKeyDictionary()


def session_of(viewer: Any) -> Session:
    """The session of a viewer: the same one when the dock is closed and opened again."""
    session = _sessions.get(viewer)
    if session is None or session.closed:
        session = Session(viewer)
        _sessions[viewer] = session
    return session


def drive(session: Session) -> QTimer:
    """The timer of a session: it runs on when the dock is closed, for training does too."""
    timer = _timers.get(session)
    if timer is None:
        timer = _timers[session] = QTimer()
        timer.setInterval(TICK)
        weak = weakref.WeakMethod(session.tick)

        def tick() -> None:
            if (known := weak()) is not None:
                known()

        timer.timeout.connect(tick)
        timer.start()
    return timer


def end_session(session: Session) -> None:
    """The window has gone: everything is kept, the engine ends, nothing holds the viewer."""
    timer = _timers.pop(session, None)
    if timer is not None:
        with suppress(RuntimeError):  # Qt may have destroyed it before the window
            timer.stop()
    _sessions.pop(session.viewer, None)
    session.close()


class MainDock(ClosedDock):
    """Annotate, Train, Results, Keep, and below them what the user should know."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.setObjectName("napari_unet_dock")
        self.setMinimumWidth(320)
        self.restore = RestoreSection(session)
        self.annotate = AnnotateSection(session)
        self.train = TrainSection(session)
        self.results = ResultSection(session)
        self.keep = KeepSection(session)
        self.scroll = QScrollArea()
        self.message = words()
        self.message.setObjectName("message")
        self.message.hide()
        self._build()
        session.told.connect(self._told)
        for key, name in KEYS.items():
            session.viewer.bind_key(key, getattr(self, f"_key_{name}"), overwrite=True)
        self.timer = drive(session)
        self._released = False
        # Where napari destroys the widget without taking it out of its window first.
        weak = weakref.WeakMethod(self.release)

        def gone() -> None:
            if (release := weak()) is not None:
                release()

        self.destroyed.connect(gone)

    def _build(self) -> None:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self.restore)
        for title, section in (
            ("Annotate", self.annotate),
            ("Train", self.train),
            ("Results", self.results),
            ("Keep", self.keep),
        ):
            layout.addWidget(QLabel(f"<b>{title}</b>"))
            layout.addWidget(section)
        layout.addStretch(1)
        self.scroll.setWidget(inside)
        self.scroll.setWidgetResizable(True)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.message.setContentsMargins(8, 2, 8, 4)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addWidget(self.scroll, 1)
        outside.addWidget(self.message)

    def in_window(self, window: QMainWindow) -> None:
        """From now on the window's end is the session's end too."""
        session = self.session
        window.destroyed.connect(lambda *_: end_session(session))

    def release(self) -> None:
        """Let go of session and viewer; the session lives on for the next dock."""
        if self._released:
            return
        self._released = True
        self.session.told.disconnect(self._told)
        for section in (self.restore, self.annotate, self.train, self.results, self.keep):
            section.release()
        viewer = self.session.viewer
        for key, name in KEYS.items():
            if getattr(self, f"_key_{name}") in viewer.keymap.values():
                viewer.bind_key(key, None, overwrite=True)

    def _key_train(self, viewer: Any) -> None:
        self.train.train_button.click()

    def _key_pause(self, viewer: Any) -> None:
        self.train.pause_button.click()

    def _told(self, level: str, text: str) -> None:
        self.message.setVisible(bool(text))
        if not text:
            return
        on_light, dark = COLORS.get(level, ("", ""))
        color = dark if on_dark(self) else on_light
        self.message.setStyleSheet(f"QLabel {{ color: {color}; }}" if color else "")
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
