"""Reading before and writing after what is being computed, each in a thread of its own.

Both queues are bounded, so that a slow disk holds the network up instead of filling the memory.
What goes wrong in a thread is raised where the result is asked for. Free of torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Full, Queue
from types import TracebackType
from typing import Generic, Self, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_Answer = tuple[Key, Value | None, BaseException | None]

DEPTH = 2
"""Pieces that wait on each side of the network: one is enough unless their times vary."""
_LOOK = 0.1
"""Seconds after which a thread that waits looks whether it is still wanted."""


class ReadAhead(Generic[Key, Value]):
    """``read`` for those who ask in a known order: the next ``depth`` answers are read meanwhile.

    Called with a key, it returns ``read(key)``, or raises what that raised. Keys that are not next
    in ``keys`` are read at once. What ``keys`` itself raises is raised once, in its turn; from then
    on all is read at once. A context; at its end the thread is gone.
    """

    def __init__(
        self, read: Callable[[Key], Value], keys: Iterable[Key], depth: int = DEPTH
    ) -> None:
        self._read, self._keys = read, keys
        # An exception: what ``keys`` raised; None: that was all.
        self._queue: Queue[_Answer[Key, Value] | BaseException | None] = Queue(depth)
        self._next: _Answer[Key, Value] | None = None
        self._ended = False
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._unwanted.set()
        self._thread.join()

    def __call__(self, key: Key) -> Value:
        if self._next is None and not self._ended:
            item = self._queue.get()
            self._ended = not isinstance(item, tuple)
            if isinstance(item, BaseException):
                raise item
            self._next = item
        if self._next is None or self._next[0] != key:
            return self._read(key)
        (_, value, error), self._next = self._next, None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def _run(self) -> None:
        try:
            for key in self._keys:
                if not self._put(self._answer(key)):
                    return
        except BaseException as error:
            self._put(error)
        else:
            self._put(None)

    def _answer(self, key: Key) -> _Answer[Key, Value]:
        try:
            return key, self._read(key), None
        except BaseException as error:
            return key, None, error

    def _put(self, item: _Answer[Key, Value] | BaseException | None) -> bool:
        while not self._unwanted.is_set():
            try:
                self._queue.put(item, timeout=_LOOK)
                return True
            except Full:
                continue
        return False


class WriteBehind(Generic[Value]):
    """``write`` for what comes in, in that order, while the next is being computed.

    A context: at its end everything is written; after an error or an interruption only the piece
    at hand is, and the rest is dropped.
    """

    def __init__(self, write: Callable[[Value], None], depth: int = DEPTH) -> None:
        self._write = write
        self._queue: Queue[tuple[Value] | None] = Queue(depth)  # None: that was all
        self._error: BaseException | None = None
        self._dropped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="write behind", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is not None:
                self._dropped.set()
            self._hand_over(None)
            self._thread.join()
        except BaseException:  # Ctrl-C while the last pieces are written: they are dropped
            self._dropped.set()
            self._hand_over(None)
            self._thread.join()  # what it writes to is closed next
            raise
        if kind is None and self._error is not None:
            raise self._error

    def put(self, item: Value) -> None:
        """Have ``item`` written; waits where ``depth`` others wait. Raises what writing raised."""
        self._hand_over((item,))
        if self._error is not None:
            raise self._error

    def _hand_over(self, item: tuple[Value] | None) -> None:
        while self._thread.is_alive():
            try:
                self._queue.put(item, timeout=_LOOK)
                return
            except Full:
                continue

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._dropped.is_set():
                continue
            try:
                self._write(*item)
            except BaseException as error:
                self._error = error
                return
