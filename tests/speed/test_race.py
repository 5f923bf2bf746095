"""Timings in turns, and who wins."""

from __future__ import annotations

import time
from functools import partial

import pytest
import torch

from napari_unet.speed import race as racing
from napari_unet.speed.race import Patience, finish, race, winner

CPU = torch.device("cpu")


def work(seconds: float) -> None:
    end = time.process_time() + seconds * torch.get_num_threads()
    while time.process_time() < end:
        pass


def test_the_median_is_the_time_of_the_work_and_not_of_what_others_do() -> None:
    def slept() -> None:
        work(0.004)
        time.sleep(0.02)  # as if another program had the processor

    medians = finish(race({"busy": partial(work, 0.008), "slept": slept}, CPU, Patience(10)))
    assert medians["busy"] == pytest.approx(0.008, rel=0.5)
    assert medians["slept"] == pytest.approx(0.004, rel=0.5)
    assert winner(medians, "busy") == "slept"


def test_the_hopeless_are_left_out_early() -> None:
    calls = {"fast": 0, "slow": 0}

    def run(name: str, seconds: float) -> None:
        calls[name] += 1
        work(seconds)

    runners = {"fast": partial(run, "fast", 0.002), "slow": partial(run, "slow", 0.01)}
    medians = finish(race(runners, CPU, Patience(10)))
    assert calls == {"fast": racing.ROUNDS + 1, "slow": 2}
    assert medians["slow"] > medians["fast"]


def test_patience_ends_the_race_and_counts_only_the_timings() -> None:
    assert finish(race({"a": partial(work, 0.01)}, CPU, Patience(0.015))) == {}
    measuring = race({"a": partial(work, 0.001)}, CPU, Patience(0.5))
    for _ in range(racing.ROUNDS + 1):
        next(measuring)
        time.sleep(0.1)  # what the engine does in between
    assert set(finish(measuring)) == {"a"}


def test_a_small_advantage_changes_nothing() -> None:
    assert winner({"usual": 1.0, "other": 0.97}, "usual") == "usual"
    assert winner({"usual": 1.0, "other": 0.9}, "usual") == "other"
    assert winner({"other": 0.9}, "usual") is None
    assert winner({}, "usual") is None


def test_who_fails_in_the_middle_is_out() -> None:
    calls = iter(range(100))

    def fails() -> None:
        if next(calls) == 2:
            raise RuntimeError("out of memory")
        work(0.001)

    assert set(finish(race({"a": fails, "b": partial(work, 0.001)}, CPU, Patience(10)))) == {"b"}


def test_when_all_fail_there_is_nothing_to_say() -> None:
    def fails() -> None:
        raise RuntimeError("no")

    assert finish(race({"a": fails}, CPU, Patience(10))) == {}
