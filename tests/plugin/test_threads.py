"""Work in a thread: where its results arrive, and what it leaves alone."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

from napari_unet.plugin.threads import in_thread


def test_parts_and_the_end_arrive_in_the_main_thread(qtbot: Any) -> None:
    got: list[tuple[Any, bool]] = []
    ended: list[bool] = []

    def parts() -> Iterator[bool]:
        for _ in range(3):
            yield threading.current_thread() is threading.main_thread()

    def take(part: Any) -> None:
        got.append((part, threading.current_thread() is threading.main_thread()))

    in_thread(parts(), take, lambda: ended.append(True))
    qtbot.waitUntil(lambda: bool(ended), timeout=5000)
    assert got == [(False, True)] * 3


def test_an_exception_is_the_last_part(qtbot: Any) -> None:
    got: list[Any] = []
    ended: list[bool] = []

    def parts() -> Iterator[int]:
        yield 1
        raise RuntimeError("out of memory")

    in_thread(parts(), got.append, lambda: ended.append(True))
    qtbot.waitUntil(lambda: bool(ended), timeout=5000)
    assert got[0] == 1
    assert isinstance(got[1], RuntimeError)
    assert len(got) == 2


def test_warning_filters_of_the_process_are_left_alone(qtbot: Any) -> None:
    # A thread that swaps them loses those of the main thread when the two overlap.
    before, shown = warnings.filters, warnings.showwarning
    begun, seen = threading.Event(), threading.Event()
    ended: list[bool] = []

    def parts() -> Iterator[int]:
        begun.set()
        seen.wait(5)
        yield 1

    in_thread(parts(), lambda _: None, lambda: ended.append(True))
    assert begun.wait(5)
    during = warnings.filters, warnings.showwarning
    seen.set()
    qtbot.waitUntil(lambda: bool(ended), timeout=5000)
    assert during[0] is before
    assert during[1] is shown
