"""What the inspectors share: a dock of a viewer's session that lets go of it when it is closed."""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMainWindow, QVBoxLayout

from napari_unet.errors import UserError
from napari_unet.plugin.closing import ClosedDock
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.main_dock import drive, end_session, session_of
from napari_unet.plugin.threads import in_thread
from napari_unet.plugin.widgets import Section, words

log = logging.getLogger(__name__)


class InspectorDock(Section, ClosedDock):
    """A dock beside the main one. Subclasses fill ``column`` and implement :meth:`look`.

    ``look`` is called every ``PERIOD`` milliseconds while the dock is visible: it compares what is
    on screen with what the dock shows, so that painting, undo, sliders and chosen layers all count
    without a connection to each of them. It must be quick.
    """

    PERIOD = 250

    def __init__(self, viewer: Any) -> None:
        super().__init__(session_of(viewer))
        self.viewer = viewer
        drive(self.session)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(8, 4, 8, 4)
        self.column.setSpacing(4)
        self.message = words()
        self.message.setObjectName("inspector_message")
        self.message.hide()
        self.released = False
        self._timer = QTimer(self)
        self._timer.setInterval(self.PERIOD)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        # Where the window goes with all docks in it: what comes back from a thread finds nothing.
        weak = weakref.ref(self)

        def gone(*_: Any) -> None:
            if (dock := weak()) is not None and not dock.released:
                dock.released = True
                Section.release(dock)

        self.destroyed.connect(gone)

    def look(self) -> None:
        """See the class."""

    def say(self, text: str) -> None:
        """A sentence at the bottom of the dock; an empty one hides it."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def image(self) -> ImageEntry | None:
        """The image that the main dock works on; else the first of the viewer that can be used.

        Raises UserError where there are images, but none that can be used.
        """
        session = self.session
        problem: UserError | None = None
        for layer in self.viewer.layers if session.current is None else ():
            own = layer.metadata.get("napari_unet")
            if type(layer).__name__ == "Image" and own is None:
                try:
                    entry = session.use_image(layer)
                except UserError as error:  # the next may do
                    problem = problem or error
                    continue
                session.adopt_labels(entry)
                break
        if session.current is None and problem is not None:
            raise problem
        return session.current

    def labels(self) -> LabelEntry | None:
        """The labels of that image."""
        entry = self.image()
        return self.session.labels.get(entry.id) if entry is not None else None

    def in_background(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """``done(work())``, with ``work`` in a thread; what goes wrong becomes a sentence."""

        def take(result: Any) -> None:
            if not isalive(self) or self.released:
                return
            try:
                if isinstance(result, Exception):
                    raise result
                done(result)
            except Exception as error:  # also of showing it: nobody above would say it
                self.failed(error)

        in_thread((work() for _ in range(1)), take)

    def _tick(self) -> None:
        if self.released or self.session.closed or not self.isVisible():
            return
        try:
            self.look()
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """What went wrong, as a sentence in the dock."""
        if isinstance(error, UserError):
            self.say(str(error))
        else:
            log.error("an inspector failed", exc_info=error)
            self.say(f"That did not work: {error}. Details are in the log.")

    def guard_here(self, action: Callable[..., Any]) -> Callable[..., None]:
        """``action`` whose failures are said in this dock: the main one may be closed."""

        @functools.wraps(action)
        def run(*arguments: Any) -> None:
            self.say("")
            try:
                action(*arguments)
            except Exception as error:
                self.failed(error)

        return run

    def in_window(self, window: QMainWindow) -> None:
        """From now on the window's end is the session's end too."""
        session = self.session
        window.destroyed.connect(lambda *_: end_session(session))

    def release(self) -> None:
        """Let go of session and viewer."""
        if not self.released:
            self.released = True
            self._timer.stop()
            super().release()
