"""Timings in turns, and who wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from napari_unet.speed import race as racing
from napari_unet.speed.race import Patience, Timing, finish, race, winner

CPU = torch.device("cpu")
STEADY = (0.30, 0.30)
DISTURBED = (0.50, 0.30)


class Timings(Patience):
    """Lasts for a number of timings, however long they take."""

    def spend(self, run: Callable[[], Any]) -> Any:
        self.left -= 1
        return run()


def work(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def scripted(
    monkeypatch: pytest.MonkeyPatch, timings: dict[str, list[tuple[float, float]]]
) -> dict[str, Callable[[], object]]:
    """Runners whose (wall, processor) seconds are given for one round after the other."""
    iterators = {key: iter([(9.0, 9.0), *found]) for key, found in timings.items()}

    def timed(run: Callable[[], str], _: torch.device) -> Timing:
        return Timing(*next(iterators[run()]))

    monkeypatch.setattr(racing, "seconds", timed)
    return {key: partial(str, key) for key in timings}


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs are no reason not to decide."""
    monkeypatch.setattr(racing, "DISTURBED", 0.0)


def test_what_counts_is_how_long_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    runners = scripted(
        monkeypatch,
        {
            "serial": [(0.30, 0.30)] * 5,  # the least processor time
            "parallel": [(0.20, 0.80)] * 5,
        },
    )
    times = finish(race(runners, CPU, Patience(10)))
    assert times == {"serial": 0.30, "parallel": 0.20}
    assert winner(times, "serial") == "parallel"


def test_disturbed_rounds_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbed = (0.40, 0.30)
    runners = scripted(
        monkeypatch,
        {
            "a": [(0.20, 0.30), disturbed, (0.21, 0.31), disturbed, disturbed],
            "b": [disturbed, (0.25, 0.39), disturbed, (0.26, 0.39), disturbed],
        },
    )
    assert finish(race(runners, CPU, Patience(10))) == {"a": 0.20, "b": 0.25}
    alone = [(0.20, 0.30), *[disturbed] * 4]
    assert finish(race(scripted(monkeypatch, {"a": alone}), CPU, Patience(10))) == {}


def test_a_coarse_clock_discards_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = SimpleNamespace(resolution=0.0156)
    monkeypatch.setattr(time, "get_clock_info", lambda _: coarse)
    short = [(0.010, 0.0156), (0.009, 0.0), (0.011, 0.0), (0.010, 0.0156), (0.010, 0.0)]
    runners = scripted(monkeypatch, {"a": short})
    assert finish(race(runners, CPU, Patience(10))) == {"a": 0.009}


def test_the_hopeless_are_left_out_early(monkeypatch: pytest.MonkeyPatch) -> None:
    timings = {"fast": [(0.002, 0.002)] * racing.ROUNDS, "slow": [(0.01, 0.01)]}
    runners = scripted(monkeypatch, timings)  # a second timing of the slow one would fail
    assert finish(race(runners, CPU, Patience(10))) == {"fast": 0.002, "slow": 0.01}


@pytest.mark.usefixtures("undisturbed")
def test_patience_ends_the_race_and_counts_only_the_timings() -> None:
    assert finish(race({"a": partial(work, 0.01)}, CPU, Patience(0.015))) == {}
    measuring = race({"a": partial(work, 0.001)}, CPU, Patience(0.5))
    for _ in range(racing.ROUNDS + 1):
        next(measuring)
        time.sleep(0.1)  # what the engine does in between
    assert set(finish(measuring)) == {"a"}


def test_patience_that_ends_in_the_middle_of_a_round_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runners = scripted(monkeypatch, {"first": [STEADY] * 2, "usual": [DISTURBED]})
    times = finish(race(runners, CPU, Timings(5)))  # one round more of the first only
    assert times == {"first": 0.30, "usual": None}
    assert winner(times, "usual") is None


def test_a_challenger_with_too_few_timings_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {"usual": [STEADY] * 2, "other": [(0.20, 0.20)]}
    times = finish(race(scripted(monkeypatch, short), CPU, Timings(5)))
    assert winner(times, "usual") == "usual"
    alone = (0.20, 0.30)  # all others were disturbed
    spoilt = {"usual": [STEADY] * 5, "other": [alone, *[(0.25, 0.25)] * 4]}
    times = finish(race(scripted(monkeypatch, spoilt), CPU, Patience(10)))
    assert times == {"usual": 0.30, "other": None}


def test_the_hopeless_need_no_second_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    hopeless = {"other": [STEADY] * 2, "usual": [(1.0, 1.0)], "third": [STEADY]}
    times = finish(race(scripted(monkeypatch, hopeless), CPU, Timings(7)))
    assert times == {"other": 0.30, "usual": 1.0, "third": None}
    assert winner(times, "usual") == "other"
    # Nothing to be hopeless beside: the better one has too few.
    assert finish(race(scripted(monkeypatch, hopeless), CPU, Timings(6))) == {}


@pytest.mark.usefixtures("fewer_threads")
def test_what_is_gone_through_to_the_end_has_all_threads() -> None:
    seen: list[int] = []

    def measuring() -> Generator[None, None, int]:
        for _ in range(2):
            seen.append(torch.get_num_threads())
            yield
        return 5

    assert finish(measuring()) == 5
    assert seen == [2, 2]
    assert torch.get_num_threads() == 1


def test_a_small_advantage_changes_nothing() -> None:
    assert winner({"usual": 1.0, "other": 0.97}, "usual") == "usual"
    assert winner({"usual": 1.0, "other": 0.9}, "usual") == "other"
    assert winner({"other": 0.9}, "usual") is None
    assert winner({}, "usual") is None


def test_who_fails_in_the_middle_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def fails() -> str:
        if next(calls) == 2:
            raise RuntimeError("out of memory")
        return "a"

    runners = scripted(monkeypatch, {"a": [STEADY] * 5, "b": [STEADY] * 5})
    assert set(finish(race(runners | {"a": fails}, CPU, Patience(10)))) == {"b"}


def test_when_all_fail_there_is_nothing_to_say() -> None:
    def fails() -> None:
        raise RuntimeError("no")

    assert finish(race({"a": fails}, CPU, Patience(10))) == {}
