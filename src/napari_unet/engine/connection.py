"""One engine process and its two pipes, each served by a thread of its own. Free of torch."""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from napari_unet.engine.logs import tail
from napari_unet.engine.protocol import EVENTS, EngineDied, Message, encode

logger = logging.getLogger(__name__)


class Connection:
    """A started process. Threads deliver until it ends or :meth:`close` is called.

    ``decode``: from a line to an event, ValueError where it is none; ``what``: the subject of the
    sentence for a process that died; ``serves``: it never ends by itself.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        log: Path,
        *,
        decode: Callable[[bytes], Any] = EVENTS.validate_json,
        what: str = "The engine",
        serves: bool = True,
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.log = process, log
        self._decode, self._what, self._serves = decode, what, serves
        self._events: deque[Any] = deque()
        self._commands: SimpleQueue[Message | None] = SimpleQueue()
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=target, args=args, name=f"engine-{name}", daemon=True)
            for name, target, args in (
                ("commands", self._write, (process.stdin,)),
                ("events", self._read, (process.stdout,)),
            )
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set() and not self._closing.is_set()

    def send(self, command: Message) -> None:
        """Queue a command; what a dead engine no longer takes is dropped."""
        self._commands.put(command)

    def take(self) -> list[Any]:
        """Everything that has arrived and was not taken yet."""
        events: list[Any] = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def close(self, timeout: float) -> None:
        """Wait ``timeout`` seconds for the process to end by itself, then end it.

        Its end is asked for from here on: no :class:`EngineDied` will tell of it.
        """
        self._closing.set()
        self._commands.put(None)
        for insist in (self.process.terminate, self.process.kill):
            try:
                self.process.wait(timeout)
                break
            except subprocess.TimeoutExpired:
                insist()
                timeout = max(timeout, 0.5)
        self.process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():  # where the garbage collector runs us
                thread.join(timeout=1)

    def _write(self, pipe: BinaryIO) -> None:
        try:
            while (command := self._commands.get()) is not None:
                pipe.write(encode(command))
                pipe.flush()
        except OSError:  # The process is gone, which the reading thread reports.
            pass
        with suppress(OSError):
            pipe.close()

    def _read(self, pipe: BinaryIO) -> None:
        ready = False
        with pipe:
            for line in pipe:
                try:
                    self._events.append(self._decode(line))
                    ready = True
                except ValueError:
                    logger.exception("The process sent a line that is no event: %r", line[:500])
        code = self.process.wait()
        self._ended.set()
        self._commands.put(None)
        if not self._closing.is_set() and (code or self._serves):
            self._events.append(died(code, tail(self.log), ready=ready, what=self._what))


def died(code: int, log: str, *, ready: bool = True, what: str = "The engine") -> EngineDied:
    """What to tell the user about a process that ended with ``code`` unasked.

    ``ready``: whether it had come as far as telling anything.
    """
    last = log.rstrip().rpartition("\n")[2]
    if code < 0:  # POSIX: the signal
        known = -code in list(signal.Signals)
        name = signal.Signals(-code).name if known else f"signal {-code}"
        cause = f"{what} crashed ({name})."
        if name == "SIGKILL":
            cause = f"{what} was killed, most likely because the computer ran out of memory."
    elif code > 255:  # Windows: an exception such as 0xC0000005
        cause = f"{what} crashed (0x{code:08X})."
    elif not ready and last:
        cause = f"{what} could not start ({last})."
    else:
        cause = f"{what} ended unexpectedly (exit code {code})."
    return EngineDied(
        message=cause,
        details=f"Exit code {code}. Last lines of the log:\n{log}",
    )
