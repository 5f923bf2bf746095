"""The GUI's end of the engine: starting it, talking to it, noticing when it dies.

Free of torch, Qt and napari. Nothing here blocks: commands leave and events arrive by two threads,
and :meth:`EngineClient.poll` returns what has come since the last call. The threads hold no
reference to the client, so that dropping it ends the engine like :meth:`EngineClient.close`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.cache import SessionCache
from napari_unet.engine.coalesce import coalesce
from napari_unet.engine.connection import Connection
from napari_unet.engine.launching import PYTHON_VARIABLE as PYTHON_VARIABLE
from napari_unet.engine.launching import launch
from napari_unet.engine.logs import new_log
from napari_unet.engine.protocol import (
    ArrayRef,
    CheckpointWritten,
    CloseImage,
    Command,
    Event,
    LabelsChanged,
    LoadModel,
    OpenImage,
    RemoveLabels,
    ResetTraining,
    SetLabels,
    Shutdown,
    StartTraining,
    Unwatch,
    Watch,
)
from napari_unet.errors import UserError

_WATCH, _MODEL = ("watch", ""), ("model", "")
# What the next engine learns of: label arrays are read anew, so that changes in them count, too.
_TAKEN_ANYWAY = (OpenImage, CloseImage, SetLabels, LabelsChanged, RemoveLabels, Watch, Unwatch)


class EngineClient:
    """One engine process and the session's cache folder.

    ``cache_dir``: where the session's private folder is made (None: the user's cache directory).
    ``log_dir``: where the engine's log goes (None: the user's log directory, or ``logs`` in a
    ``cache_dir`` that was given).

    The client remembers open images, labels, the watched region and the file of the latest model,
    and tells them to the engine again after :meth:`restart`, so that it can predict at once; going
    on with training takes ``StartTraining(resume=True)``.
    """

    def __init__(
        self, cache_dir: Path | str | None = None, *, log_dir: Path | str | None = None
    ) -> None:
        self.cache = SessionCache(cache_dir)
        if log_dir is None and cache_dir is not None:
            log_dir = Path(cache_dir) / "logs"
        self._log_dir = log_dir
        self._connection: Connection | None = None
        self._standing: dict[tuple[str, str], Command] = {}
        self._end = weakref.finalize(self, _end, None, self.cache)

    @property
    def alive(self) -> bool:
        """Whether the process runs and takes commands."""
        return self._connection is not None and self._connection.alive

    @property
    def pid(self) -> int | None:
        """Of the process that was started, None before :meth:`start`."""
        return self._connection.process.pid if self._connection is not None else None

    @property
    def log_path(self) -> Path | None:
        """The log of the latest engine; it stays after :meth:`close`."""
        return self._connection.log if self._connection is not None else None

    def start(self) -> None:
        """Start the engine; ``Ready`` comes when it is warm, commands may be sent before.

        Raises :class:`UserError` when the interpreter cannot be run.
        """
        if self.alive:
            return
        log = new_log(self._log_dir)
        self._connection = Connection(launch("napari_unet.engine", log), log)
        # Before Python and the threads end, and when nobody holds the client any more.
        self._end.detach()
        self._end = weakref.finalize(self, _end, self._connection, self.cache)
        for standing in self._standing.values():
            self._connection.send(standing)

    def restart(self) -> None:
        """End what is left of the engine and start a new one with the same images and labels."""
        if self._connection is not None:
            self._connection.close(timeout=0)
        self.start()

    def send(self, command: Command) -> None:
        """Hand a command to the engine without waiting.

        Raises :class:`UserError` when no engine runs. Images, labels and the watched region are
        taken even then and reach the next engine.
        """
        if not self.alive and not isinstance(command, _TAKEN_ANYWAY):
            raise UserError("The engine is not running: start it again.")
        self._remember(command)
        if self._connection is not None and self.alive:
            self._connection.send(command)

    def poll(self) -> list[Event]:
        """Events since the last call, progress merged; never blocks."""
        events = coalesce(self._connection.take()) if self._connection is not None else []
        for event in events:
            if isinstance(event, CheckpointWritten):
                self._standing[_MODEL] = LoadModel(job="restored", path=event.path)
        return events

    def allocate(
        self, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> tuple[ArrayRef, np.memmap[Any, Any]]:
        """A zero-filled array that the engine can map too; :class:`UserError` on a full disk."""
        return self.cache.allocate(shape, dtype)

    def release(self, ref: ArrayRef) -> None:
        """Remove an array of :meth:`allocate` that neither side uses any more."""
        self.cache.release(ref)

    def close(self, timeout: float = 3.0) -> None:
        """Ask the engine to end, make it end after ``timeout`` seconds, remove the cache."""
        self._end.detach()
        _end(self._connection, self.cache, timeout)

    def _remember(self, command: Command) -> None:
        """Keep what a new engine must be told."""
        match command:
            case OpenImage():
                self._standing[("image", command.id)] = command
            case CloseImage():
                for kind in ("image", "labels"):
                    self._standing.pop((kind, command.id), None)
                watched = self._standing.get(_WATCH)
                if isinstance(watched, Watch) and watched.image == command.id:
                    del self._standing[_WATCH]
            case SetLabels():
                self._standing[("labels", command.image)] = command
            case RemoveLabels():
                self._standing.pop(("labels", command.image), None)
            case Watch():
                self._standing[_WATCH] = command
            case Unwatch():
                self._standing.pop(_WATCH, None)
            case LoadModel():
                self._standing[_MODEL] = command.model_copy(update={"job": "restored"})
            case ResetTraining() | StartTraining(resume=False):
                self._standing.pop(_MODEL, None)


def _end(connection: Connection | None, cache: SessionCache, timeout: float = 1.0) -> None:
    if connection is not None:
        if connection.alive:
            connection.send(Shutdown())
        connection.close(timeout)
    cache.remove()
