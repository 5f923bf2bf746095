"""The server's end of the pipe: commands in by a thread, events out by a thread, a watchdog.

The main loop never waits for the GUI: commands are parsed into a queue as they arrive, and events
leave through an outbox that merges them while the other side is busy. Threads rather than
``select``, which on Windows knows no pipes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO

import psutil
from pydantic import ValidationError

from napari_unet.engine.coalesce import coalesce
from napari_unet.engine.protocol import COMMANDS, Command, Event, NoticeGiven, Shutdown, encode

INTERVAL = 0.1
"""Least seconds between two deliveries to the GUI."""


def claim_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes behind stdin and stdout for ourselves; returns (commands, events).

    Afterwards descriptor 0 reads nothing and descriptor 1 is stderr, so that a ``print`` of any
    library, in Python or C, ends in the log and cannot corrupt the channel.
    """
    commands, events = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return commands, events


class Outbox:
    """Events on their way to the GUI. :meth:`put` never blocks."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pending: list[Event] = []
        self._filled = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        with self._filled:
            self._pending.append(event)
            self._filled.notify()

    def close(self) -> None:
        """Deliver what is pending and end."""
        self._closing.set()
        with self._filled:
            self._filled.notify()
        self._thread.join(timeout=2)

    def _write(self) -> None:
        while True:
            with self._filled:
                self._filled.wait_for(lambda: self._pending or self._closing.is_set())
                events, self._pending = coalesce(self._pending), []
            try:
                self._stream.write(b"".join(map(encode, events)))
                self._stream.flush()
            except OSError:  # The GUI is gone; the watchdog ends us.
                return
            if self._closing.is_set() and not self._pending:
                return
            self._closing.wait(INTERVAL)


def read_commands(
    stream: BinaryIO, inbox: SimpleQueue[Command], outbox: Outbox, at_end: Callable[[], None]
) -> None:
    """Start the thread that puts commands into ``inbox`` and calls ``at_end`` when the pipe ends.

    A line that is no command is answered by a notice and skipped. After :class:`Shutdown` the end
    of the pipe is expected.
    """

    def read() -> None:
        for line in stream:
            try:
                command = COMMANDS.validate_json(line)
                inbox.put(command)
                if isinstance(command, Shutdown):
                    return
            except ValidationError as error:
                print(f"Malformed command {line[:500]!r}: {error}", file=sys.stderr)
                outbox.put(
                    NoticeGiven(
                        message="The engine was sent a command it does not understand and skipped "
                        "it; details are in the log.",
                        level="warning",
                    )
                )
        at_end()

    threading.Thread(target=read, name="commands", daemon=True).start()


def watch_parent(pid: int, at_end: Callable[[], None], interval: float = 1.0) -> None:
    """Start the thread that calls ``at_end`` when the process ``pid`` is gone.

    The end of the pipe says so too, unless a fork of the parent still holds its other end.
    """

    def watch() -> None:
        try:
            parent = psutil.Process(pid)
            while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
                time.sleep(interval)
        except psutil.NoSuchProcess:
            pass
        at_end()

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
