"""A long task in a process of its own, from the window's side. Free of torch, Qt and napari.

The engine answers the window between two training steps; a comparison takes hours, fills the
memory and may be killed for it. It therefore runs beside the engine and not in it.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import psutil

from napari_unet.engine.connection import Connection
from napari_unet.engine.errand_protocol import Task, decode_event
from napari_unet.engine.launching import launch
from napari_unet.engine.logs import new_log

MODULE = "napari_unet.engine.errand"


class Errand:
    """Starts the process; :meth:`poll` never blocks. Dropping it ends the process.

    ``what``: the subject of the sentence for a process that died ("The comparison").

    Raises
    ------
    UserError
        The interpreter cannot be run, or the log folder not be written.
    """

    def __init__(self, task: Task, what: str, *, log_dir: Path | str | None = None) -> None:
        log = new_log(log_dir)
        self._connection = Connection(
            launch(MODULE, log), log, decode=decode_event, what=what, serves=False
        )
        self._end = weakref.finalize(self, _end, self._connection)
        self._connection.send(task)

    @property
    def pid(self) -> int:
        return self._connection.process.pid

    @property
    def alive(self) -> bool:
        """Whether more may come."""
        return self._connection.alive

    def poll(self) -> list[Any]:
        """Events since the last call; after an end that nobody asked for, an EngineDied."""
        return self._connection.take()

    def close(self) -> None:
        """End the process at once: what it has finished is on disk."""
        self._end()


def _end(connection: Connection) -> None:
    try:
        children = psutil.Process(connection.process.pid).children(recursive=True)
    except psutil.Error:
        children = []
    connection.close(timeout=0)
    for child in children:  # trials
        try:
            child.kill()
        except psutil.Error:
            continue
