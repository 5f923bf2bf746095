"""Work that must not keep the user waiting: one thread, jobs by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)


class Background:
    """Runs jobs one after another in a thread of its own, which starts with the first job.

    A job that waits is replaced by a newer one of the same name, so that a hundred strokes make few
    syncs. Exceptions go to ``on_error``, called in the thread.
    """

    def __init__(self, name: str, on_error: Callable[[Exception], None]) -> None:
        self._name = name
        self._on_error = on_error
        self._jobs: dict[str, Callable[[], None]] = {}
        self._changed = Condition()
        self._busy = False
        self._closing = False
        self._thread: Thread | None = None

    def submit(self, name: str, job: Callable[[], None]) -> None:
        """Run ``job`` soon. Does nothing after :meth:`close`."""
        with self._changed:
            if self._closing:
                return
            self._jobs[name] = job
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, timeout: float = 60.0) -> bool:
        """Wait until nothing is left to do; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._busy, timeout)

    def close(self) -> None:
        """Finish the job in hand, forget the others, end the thread."""
        with self._changed:
            self._closing = True
            self._jobs.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._jobs or self._closing)
                if self._closing:
                    return
                name = next(iter(self._jobs))
                job = self._jobs.pop(name)
                self._busy = True
            try:
                job()
            except Exception as error:
                log.exception("background job %s failed", name)
                self._on_error(error)
