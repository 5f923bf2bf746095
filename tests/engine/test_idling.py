"""What the engine does while nobody wants anything."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
import torch

from napari_unet.engine import idling
from napari_unet.engine.idling import Idling, give_memory_back
from napari_unet.engine.protocol import Command, PauseTraining, StopTraining


def later(inbox: SimpleQueue[Command], seconds: float) -> None:
    threading.Timer(seconds, inbox.put, [PauseTraining()]).start()


def test_it_measures_between_two_commands_and_goes_on_later() -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()
    done: list[int] = []

    def measuring() -> Iterator[None]:
        for number in range(3):
            done.append(number)
            if number == 0:
                inbox.put(StopTraining())
            yield

    idle = Idling(inbox, measuring=measuring(), give_back=lambda: None, settled=0.01)
    assert isinstance(idle.next_command(), StopTraining)
    assert done == [0]
    later(inbox, 0.2)
    assert isinstance(idle.next_command(), PauseTraining)
    assert done == [0, 1, 2]


@pytest.mark.usefixtures("fewer_threads")
def test_all_threads_measure_whatever_a_training_took_meanwhile() -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()
    seen: list[int] = []

    def measuring() -> Iterator[None]:
        for _ in range(2):
            seen.append(torch.get_num_threads())
            inbox.put(StopTraining())
            yield

    idle = Idling(inbox, measuring=measuring(), give_back=lambda: None, settled=0.0)
    for _ in range(2):
        idle.next_command()
        assert torch.get_num_threads() == 1  # the training goes on as before
    assert seen == [2, 2]


def test_a_command_that_waits_comes_before_any_measuring() -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()
    inbox.put(StopTraining())

    def never() -> Iterator[None]:
        raise AssertionError("measured while a command was waiting")
        yield

    idle = Idling(inbox, measuring=never(), settled=0.0)
    assert isinstance(idle.next_command(), StopTraining)


def test_a_measurement_that_fails_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()

    def broken() -> Iterator[None]:
        yield
        raise RuntimeError("no such kernel")

    idle = Idling(inbox, measuring=broken(), give_back=lambda: None, settled=0.0)
    later(inbox, 0.2)
    assert isinstance(idle.next_command(), PauseTraining)
    assert "no such kernel" in capsys.readouterr().out


def test_memory_is_given_back_once_and_no_processor_is_used() -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()
    given: list[float] = []
    idle = Idling(
        inbox,
        measuring=iter(()),
        give_back=lambda: given.append(time.monotonic()),
        settled=0.0,
        forget_after=0.05,
    )
    later(inbox, 0.6)
    clock = time.process_time()
    assert isinstance(idle.next_command(), PauseTraining)
    assert len(given) == 1
    assert time.process_time() - clock < 0.1


def test_a_command_in_time_keeps_the_memory() -> None:
    inbox: SimpleQueue[Command] = SimpleQueue()
    given: list[int] = []
    idle = Idling(
        inbox, measuring=iter(()), give_back=lambda: given.append(1), settled=0.0, forget_after=5
    )
    later(inbox, 0.05)
    idle.next_command()
    assert given == []


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what is freed for long")
def test_what_was_freed_goes_back_to_the_system() -> None:
    process = psutil.Process()
    # Small enough for the C library to keep; every other one stays, so that nothing is at the end.
    pieces = [torch.ones(2**14) for _ in range(2000)]
    kept = pieces[::2]
    del pieces
    before = process.memory_info().rss
    del kept[:-1]
    give_memory_back()
    assert process.memory_info().rss < before - 30 * 2**20


def test_nothing_is_measured_where_it_is_switched_off() -> None:
    assert list(idling.measure(lambda event: None)) == []


def test_a_warm_engine_without_work_sleeps(engine: Any) -> None:
    process = psutil.Process(engine.client.pid)
    engine.gather(1.0)
    before = process.cpu_times()
    engine.gather(3.0)
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.09  # 3 %
