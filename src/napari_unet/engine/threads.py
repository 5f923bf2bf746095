"""As many threads as there are free processors: the window and other programs need some, too.

A step of two threads of which one waits for a processor takes longer than a step of one thread, and
the window that it fights with stutters. So the engine looks once a second at what everybody else
uses and takes the rest. The number of threads changes the rounding of sums: a training with a fixed
number of steps, which somebody may want to repeat, keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch

INTERVAL = 1.0
"""Seconds between two looks."""


def choose(threads: int, most: int, free: float) -> int:
    """Threads to go on with, where ``free`` processors are left by all others.

    Half a processor too few is put up with, and three quarters of one must be free to take one
    more, so that the number does not go up and down.
    """
    if threads > free + 0.5:
        return max(1, int(free + 0.5))
    if free >= threads + 0.75:
        return min(most, int(free + 0.25))
    return threads


@dataclass(frozen=True)
class Usage:
    """Processor seconds that were used by all programs and by this process, at ``seconds``."""

    seconds: float
    everybody: float
    own: float


def usage() -> Usage:
    """What was used until now."""
    times = psutil.cpu_times()
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    everybody = sum(getattr(times, name, 0.0) for name in names)
    return Usage(time.monotonic(), everybody, time.process_time())


class Threads:
    """Keeps torch's number of threads fitting; call :meth:`adapt` between two steps."""

    def __init__(self, look: Callable[[], Usage] = usage) -> None:
        self._look = look
        self._most = torch.get_num_threads()
        self._processors = psutil.cpu_count() or self._most
        self._last = look()

    def adapt(self, *, fixed: bool = False) -> None:
        """Take more or fewer threads; ``fixed``: all of them, whatever others do."""
        threads = torch.get_num_threads()
        if fixed:
            wanted = self._most
        elif time.monotonic() - self._last.seconds < INTERVAL:
            return
        else:
            now, last = self._look(), self._last
            others = (now.everybody - last.everybody) - (now.own - last.own)
            free = self._processors - max(0.0, others) / (now.seconds - last.seconds)
            wanted, self._last = choose(threads, self._most, free), now
        if wanted != threads:
            torch.set_num_threads(wanted)
