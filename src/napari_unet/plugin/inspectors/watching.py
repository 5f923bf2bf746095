"""A process beside the engine that a dock has started: what it tells, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_unet.advice.advised import Advised
from napari_unet.comparison.events import Reported
from napari_unet.engine.errand_protocol import Refused, Task
from napari_unet.engine.errands import Errand
from napari_unet.engine.protocol import EngineDied

PERIOD = 150
"""Milliseconds between two looks, also while the dock is hidden behind another."""


class ErrandWatch:
    """At most one process; ``handle`` gets its events, ``changed`` is called when it has ended."""

    def __init__(
        self, dock: QWidget, handle: Callable[[Any], None], changed: Callable[[], None]
    ) -> None:
        self._handle, self._changed = handle, changed
        self._errand: Errand | None = None
        self._timer = QTimer(dock)
        self._timer.setInterval(PERIOD)
        self._timer.timeout.connect(self._look)

    @property
    def running(self) -> bool:
        return self._errand is not None

    @property
    def pid(self) -> int | None:
        return self._errand.pid if self._errand is not None else None

    def start(self, task: Task, what: str) -> None:
        """Begin; raises UserError where no process can be started."""
        self._errand = Errand(task, what)
        self._timer.start()

    def stop(self) -> None:
        """End the process at once. What it has finished is on disk."""
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.close()

    def _look(self) -> None:
        for event in self._errand.poll() if self._errand is not None else []:
            if isinstance(event, Reported | Advised | Refused | EngineDied):
                self.stop()
            self._handle(event)
        if self._errand is None:
            self._timer.stop()
            self._changed()
