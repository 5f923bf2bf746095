"""Where a comparison is, in words, and how long it will take. Free of torch."""

from __future__ import annotations

from napari_unet.comparison.events import Planned, Ran, Training


class Progress:
    """Takes the events as they come, with the seconds of any clock."""

    def __init__(self) -> None:
        self.done = self.runs = 0
        self._budget: float | None = None
        self._first = self._began = 0.0
        self._ended = 0
        self._current: Training | None = None

    def take(self, event: Planned | Training | Ran, now: float) -> None:
        """One event at ``now``."""
        match event:
            case Planned():
                self.runs, self.done = event.runs, event.finished
                left = event.runs - event.finished
                self._budget = event.seconds / left if event.seconds and left else None
                self._first = self._began = now
            case Training():
                if self._current is None or self._current.number != event.number:
                    # Weight maps and a first step were made before: not a part of any run.
                    if not self._ended:
                        self._first = now - event.seconds
                    self._began = now - event.seconds
                self._current = event
            case Ran():
                self.done, self._current = event.number, None
                self._ended += 1
                self._began = now

    def seconds_left(self, now: float) -> float | None:
        """An estimate: runs take what the others took, at first their budget; None at first."""
        each = (self._began - self._first) / self._ended if self._ended else self._budget
        if each is None:
            return None
        passed = now - self._began if self._current is not None else 0.0
        return max(0.0, each - passed) + each * max(0, self.runs - self.done - 1)

    def text(self, now: float) -> str:
        """Which network, which fold, and how long it takes."""
        one = self._current
        if one is None:
            return "Predicting, measuring, getting ready ..." if self.runs else "Starting ..."
        text = f"{one.network}, fold {one.fold} (run {one.number} of {one.runs}): step {one.step}"
        left = self.seconds_left(now)
        return f"{text}, {one.seconds:.0f} s" + ("" if left is None else f"; {duration(left)} left")


def duration(seconds: float) -> str:
    """``about 40 s``, ``about 12 min``, ``about 2.5 h``."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"
