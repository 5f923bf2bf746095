"""What the engine does when nobody wants anything: first measure, later give memory back.

Then it sleeps until the next command, using no processor.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from napari_unet.engine.protocol import Command, Event
from napari_unet.engine.sentences import details
from napari_unet.prediction.device import choose_device, free_memory
from napari_unet.speed.choosing import all_threads

SETTLED = 2.0
"""Seconds without a command before measuring goes on: napari has its window to draw first."""
PATIENCE = {"prediction": 4.0, "training": 8.0}
"""Seconds that measuring may take. Where they do not do, the next engine tries again."""
FORGET_AFTER = 60.0
"""Seconds without a command before memory is given back."""


class Idling:
    """Waits for the next command of ``inbox``; see :meth:`next_command`."""

    def __init__(
        self,
        inbox: SimpleQueue[Command],
        *,
        measuring: Iterator[None] | None = None,
        tell: Callable[[Event], None] = lambda event: None,
        give_back: Callable[[], None] | None = None,
        settled: float = SETTLED,
        forget_after: float = FORGET_AFTER,
    ) -> None:
        self._inbox = inbox
        self._measuring: Iterator[None] | None = measuring or measure(tell)
        self._give_back = give_back or give_memory_back
        self._settled, self._forget_after = settled, forget_after

    def next_command(self) -> Command:
        """The next command. A click on Train waits for one timing at most, some tenths of a second
        on a slow machine; what is not finished then goes on the next time that nothing is wanted.
        """
        wait = self._settled
        # The last training may have left fewer, for the sake of other programs.
        with all_threads():
            while self._measuring is not None:
                try:
                    return self._inbox.get(timeout=wait)
                except Empty:
                    wait = 0.001
                    self._measure()
        try:
            return self._inbox.get(timeout=self._forget_after)
        except Empty:
            self._give_back()
        return self._inbox.get()

    def _measure(self) -> None:
        assert self._measuring is not None
        try:
            next(self._measuring)
        except StopIteration:
            self._measuring = None
        except Exception as error:  # whatever it is, the rule does as well
            print(f"The fastest way was not measured: {details(error)}", flush=True)
            self._measuring = None


def measure(tell: Callable[[Event], None]) -> Iterator[None]:
    """Find the fastest way for the live network where that is not known yet, then tell what every
    network of the list costs here.
    """
    # Not before the engine is warm, for which somebody waits.
    from napari_unet.engine.network_figures import measure_networks
    from napari_unet.speed.live import measure_live
    from napari_unet.speed.race import Patience

    for task, seconds in PATIENCE.items():
        yield from measure_live(choose_device(), Patience(seconds), (task,))
    yield from measure_networks(choose_device(), tell)


def give_memory_back() -> None:
    """To the device and to the system: what Python, torch and the C library keep in reserve."""
    free_memory(choose_device())
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):  # another C library
            return
