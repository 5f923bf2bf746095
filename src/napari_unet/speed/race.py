"""Short timings that take turns, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import TypeVar

import torch

log = logging.getLogger(__name__)

ROUNDS = 5
ENOUGH = 2
"""Rounds that a decision needs, beside the first, which sets up and is not counted."""
HOPELESS = 1.6
"""Whoever takes this many times as long as the best is not timed any further."""
GAIN = 0.95
"""A challenger must take less than this part of the usual one's time: noise decides nothing."""

Key = TypeVar("Key")
Result = TypeVar("Result")


class Patience:
    """Seconds that measuring may take in all; what happens between two calls does not count."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, run: Callable[[], Result]) -> Result:
        """What ``run`` returns; its time is gone."""
        clock = time.perf_counter()
        result = run()
        self.left -= time.perf_counter() - clock
        return result

    @property
    def over(self) -> bool:
        return self.left <= 0


def finish(measuring: Generator[None, None, Result]) -> Result:
    """Go through to the end; what the generator returns."""
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            result: Result = end.value
            return result


def race(
    runners: Mapping[Key, Callable[[], object]], device: torch.device, patience: Patience
) -> Generator[None, None, dict[Key, float]]:
    """Median seconds of each runner; yields after each timing.

    A runner that raises RuntimeError or MemoryError is left out. Empty when patience was over
    before there was anything to say.
    """
    times: dict[Key, list[float]] = {key: [] for key in runners}
    left = set(runners)
    for number in range(ROUNDS + 1):
        for key in [key for key in runners if key in left]:
            if patience.over:
                break
            try:
                took = patience.spend(partial(seconds, runners[key], device))
            except (RuntimeError, MemoryError) as error:  # others may work all the same
                log.warning("%s is out: %s", key, error)
                left.discard(key)
                del times[key]
                continue
            if number:
                times[key].append(took)
            yield
        if patience.over or not left:
            break
        if number:
            best = min(statistics.median(times[key]) for key in left)
            left = {key for key in left if statistics.median(times[key]) <= HOPELESS * best}
    if max((len(found) for found in times.values()), default=0) < ENOUGH:
        return {}
    return {key: statistics.median(found) for key, found in times.items() if found}


def winner(medians: Mapping[Key, float], usual: Key) -> Key | None:
    """The fastest, or the usual one unless it is clearly beaten; None where it was not timed."""
    if usual not in medians:
        return None
    best = min(medians, key=lambda key: medians[key])
    return best if medians[best] < GAIN * medians[usual] else usual


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long one call takes until its result is there.

    On the CPU that is processor time by thread: what other programs do at the same moment, which
    may be a lot while napari starts, then hardly matters.
    """
    if device.type == "cpu":
        clock = time.process_time()
        run()
        return (time.process_time() - clock) / torch.get_num_threads()
    _wait(device)
    clock = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - clock


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
