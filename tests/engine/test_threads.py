"""The engine takes the processors that others leave."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.engine.threads import INTERVAL, Threads, Usage, choose, usage


@given(st.integers(1, 64), st.integers(1, 64), st.floats(0, 64))
def test_choice_is_possible_and_stays(threads: int, most: int, free: float) -> None:
    threads = min(threads, most)
    chosen = choose(threads, most, free)
    assert 1 <= chosen <= most
    assert choose(chosen, most, free) == chosen


@pytest.mark.parametrize(
    ("threads", "free", "chosen"),
    [(2, 2.0, 2), (2, 1.6, 2), (2, 1.0, 1), (2, 0.1, 1), (1, 1.5, 1), (1, 1.8, 2), (8, 5.2, 5)],
)
def test_choice(threads: int, free: float, chosen: int) -> None:
    assert choose(threads, 8, free) == chosen


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr("psutil.cpu_count", lambda: 2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_threads_follow_what_others_use() -> None:
    start = time.monotonic() - 10 * INTERVAL
    looks = [
        Usage(start, everybody=0.0, own=0.0),
        Usage(start + 1, everybody=2.0, own=1.0),  # another program takes one of two processors
        Usage(start + 2, everybody=3.0, own=1.9),  # it has ended
        Usage(start + 3, everybody=5.0, own=2.9),  # and is there again
    ]
    threads = Threads(iter(looks).__next__)
    seen = []
    for _ in looks[1:]:
        threads.adapt()
        seen.append(torch.get_num_threads())
    assert seen == [1, 2, 1]
    threads.adapt(fixed=True)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_it_does_not_look_all_the_time() -> None:
    looks = iter([usage()])
    threads = Threads(looks.__next__)
    threads.adapt()  # would raise StopIteration


def test_usage_grows() -> None:
    first, end = usage(), time.process_time() + 0.05
    while time.process_time() < end:
        pass
    second = usage()
    assert second.own - first.own >= 0.05
    assert second.everybody >= first.everybody
    assert second.seconds > first.seconds
