"""Short timings that take turns, so that what else the machine does hits all of them alike.

What counts is how long somebody waits: the least of a few timings, for whatever else runs only ever
adds to it. Processor time does not tell that, for it is the sum over the threads (a way that uses
one of them would seem fast on many cores) and comes in steps of 16 ms on Windows; it only shows
which timings were disturbed: those that had less of the processor than others of the same way.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from napari_unet.speed.choosing import all_threads

log = logging.getLogger(__name__)

ROUNDS = 5
ENOUGH = 2
"""Timings that a decision needs, beside the first, which sets up and is not counted."""
DISTURBED = 0.8
"""A timing with less than this part of the processor time that another one of the same way had in
each second does not count."""
TICKS = 10
"""Of the processor's clock: shorter timings say nothing about disturbance."""
HOPELESS = 1.6
"""Whoever takes this many times as long as the best is not timed any further ..."""
HOPELESS_AT_ONCE = 3.0
"""... and after a single timing, which may have been disturbed, from here on."""
GAIN = 0.95
"""A challenger must take less than this part of the usual one's time: noise decides nothing."""

Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Timing:
    """Seconds that somebody waited, and processor seconds of all threads; None: not known."""

    wall: float
    processor: float | None = None


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
    """Go through to the end, with all threads; what the generator returns."""
    with all_threads():
        while True:
            try:
                next(measuring)
            except StopIteration as end:
                result: Result = end.value
                return result


def race(
    runners: Mapping[Key, Callable[[], object]], device: torch.device, patience: Patience
) -> Generator[None, None, dict[Key, float | None]]:
    """Least seconds of each runner; yields after each timing.

    None where fewer than ENOUGH timings count, unless the runner was hopeless beside another. A
    runner that raises RuntimeError or MemoryError is left out. Empty when patience was over before
    there was anything to say.
    """
    times: dict[Key, list[Timing]] = {key: [] for key in runners}
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
            best = min(_least(times[key]) for key in left)
            limit = best * (HOPELESS_AT_ONCE if number == 1 else HOPELESS)
            left = {key for key in left if _least(times[key]) <= limit}
    enough = {key for key, found in times.items() if len(undisturbed(found)) >= ENOUGH}
    if not enough:
        return {}
    hopeless = times.keys() - left
    return {
        key: _least(found) if key in enough or key in hopeless else None
        for key, found in times.items()
    }


def undisturbed(timings: Sequence[Timing]) -> list[Timing]:
    """Those of one way that had about as much of the processor as the best of them."""
    resolution = TICKS * time.get_clock_info("process_time").resolution
    known = [
        one.processor / one.wall
        for one in timings
        if one.processor is not None and one.wall > resolution
    ]
    if len(known) < len(timings):
        return list(timings)
    return [
        one for one, share in zip(timings, known, strict=True) if share >= DISTURBED * max(known)
    ]


def _least(timings: Sequence[Timing]) -> float:
    return min(one.wall for one in undisturbed(timings))


def winner(times: Mapping[Key, float | None], usual: Key) -> Key | None:
    """The fastest, or the usual one unless it is clearly beaten; None where that was not timed
    often enough.
    """
    known = {key: least for key, least in times.items() if least is not None}
    if usual not in known:
        return None
    best = min(known, key=lambda key: known[key])
    return best if known[best] < GAIN * known[usual] else usual


def seconds(run: Callable[[], object], device: torch.device) -> Timing:
    """How long one call takes until its result is there."""
    _wait(device)
    processor, wall = time.process_time(), time.perf_counter()
    run()
    _wait(device)
    wall = time.perf_counter() - wall
    # Waiting for a GPU says nothing about the processor.
    return Timing(wall, time.process_time() - processor if device.type == "cpu" else None)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
