"""Work in a thread of which only the newest matters."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from napari_unet.errors import UserError
from napari_unet.plugin.threads import in_thread

log = logging.getLogger(__name__)

Stale = Callable[[], bool]
"""Says whether the work can be dropped: something newer was asked for."""
Work = Callable[[Stale], Iterable[Any]]
"""Yields what is to be shown, part after part; must not touch layers or widgets."""


@dataclass(frozen=True)
class Failure:
    """One sentence for the user."""

    message: str


class Background:
    """Runs one piece of work at a time; :meth:`start` makes what runs and what waits stale.

    ``show`` gets each part in the main thread, and a :class:`Failure` when the work failed; nothing
    of stale work arrives. ``changed`` is called whenever ``busy`` may have changed.
    """

    def __init__(
        self, show: Callable[[Any], None], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._show, self._changed = show, changed
        self._stale = threading.Event()
        self._working = False
        self._next: Work | None = None

    @property
    def busy(self) -> bool:
        return self._working

    def start(self, work: Work) -> None:
        """Do this next, in place of everything else."""
        self._next = work
        self._stale.set()
        if not self._working:
            self._begin()

    def stop(self) -> None:
        """Nothing more will arrive."""
        self._next = None
        self._stale.set()

    def _begin(self) -> None:
        work, self._next = self._next, None
        if work is None:
            return
        self._stale = stale = threading.Event()
        self._working = True
        in_thread(
            _parts(work, stale.is_set),
            lambda part: None if stale.is_set() else self._show(part),
            self._finished,
        )
        self._changed()

    def _finished(self) -> None:
        self._working = False
        self._begin()
        self._changed()


def _parts(work: Work, stale: Stale) -> Iterator[Any]:
    try:
        for part in work(stale):
            if stale():
                return
            yield part
    except UserError as error:
        yield Failure(str(error))
    except Exception as error:
        log.exception("work in the background failed")
        yield Failure(f"That did not work: {error}. Details are in the log.")
