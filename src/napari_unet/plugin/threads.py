"""Work in a thread whose results arrive in the main one.

Not napari's ``create_worker``: it runs the work inside ``warnings.catch_warnings()``, which swaps
the warning filters of the whole process. Where a work ends while the main thread is inside a
``catch_warnings`` of its own (napari makes the colors of a Labels layer in one), the main thread's
filters are lost, and afterwards ``warnings.showwarning`` may stay that of a worker that is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, QThreadPool, Signal

log = logging.getLogger(__name__)

_END = object()
_running: set[_Courier] = set()


class _Courier(QObject):
    """Lives in the main thread and hands over there what the thread says."""

    _said = Signal(object)

    def __init__(self, take: Callable[[Any], None], ended: Callable[[], None]) -> None:
        super().__init__()
        self._take, self._ended = take, ended
        self._said.connect(self._deliver)  # a method of a QObject: runs in the thread of that

    def say(self, thing: Any) -> None:
        with suppress(RuntimeError):  # the application is closing: Qt's half of this is gone
            self._said.emit(thing)

    def _deliver(self, thing: Any) -> None:
        if thing is not _END:
            self._take(thing)
            return
        _running.discard(self)
        self._ended()


def in_thread(
    parts: Iterator[Any], take: Callable[[Any], None], ended: Callable[[], None] = lambda: None
) -> None:
    """Go through ``parts`` in a thread; ``take(part)`` and at last ``ended()`` in the main one.

    ``parts`` must not touch layers or widgets. An exception that it does not catch itself is the
    last part that ``take`` gets.
    """
    # Held until its end has arrived: released in the thread, it would take its messages with it.
    courier = _Courier(take, ended)
    _running.add(courier)

    def run() -> None:
        try:
            for part in parts:
                courier.say(part)
        except Exception as error:
            log.debug("work in a thread failed", exc_info=True)
            courier.say(error)
        finally:
            courier.say(_END)

    QThreadPool.globalInstance().start(run)
