"""How fast the latest steps were, and what the end of a run will take at that pace."""

from __future__ import annotations

from collections import deque

LATEST = 20
"""Steps that count for the pace."""


class Pace:
    """Durations of the latest steps, in seconds."""

    def __init__(self) -> None:
        self._durations: deque[float] = deque(maxlen=LATEST)

    def took(self, seconds: float) -> None:
        """One more step was made."""
        self._durations.append(seconds)

    def begin_anew(self) -> None:
        """Steps are of another size from now on."""
        self._durations.clear()

    @property
    def steps_per_second(self) -> float:
        """Of the latest steps; there must have been one."""
        return len(self._durations) / sum(self._durations)

    @property
    def step(self) -> float:
        """Seconds that one step takes; 0 before the first. The fastest tells: others were held up
        by something else, the first of all by being the first.
        """
        return min(self._durations, default=0.0)

    def kept_free(self, budget: float, batches: int, score: float) -> float:
        """Seconds to keep free at the end of ``budget``: for the statistics of ``batches`` batches
        and for the last validation, which takes ``score``.

        The first step of all, slow for once, says little about them: hence the bounds. Statistics
        need the way forth alone, a third of a step.
        """
        return min(batches / 3 * self.step, 0.15 * budget) + min(score, 0.3 * budget)
