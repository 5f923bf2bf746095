"""The way back when the numbers of a training stop being numbers."""

from __future__ import annotations

import math

from napari_unet.training.learner import Learner

EVERY = 25
"""Steps between two looks at the weights; the good ones are kept."""
MOST = 5
"""Times in a row that it is worth going back."""
DIVERGED = (
    "The loss kept becoming infinite, so training stopped at the last good weights (step {}): "
    "check the image for extreme values or choose a lower learning rate."
)
"""For the user; with the step."""


class Recovery:
    """Keeps the last good weights, averages and moments of ``learner`` in memory."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._good = learner.snapshot()
        self._times = 0

    def sound(self, loss: float) -> bool:
        """Whether training can go on after a step with ``loss``.

        Now and then the weights are looked at too, and kept.
        """
        if not math.isfinite(loss):
            return False
        if self._learner.step % EVERY:
            return True
        if not self._learner.finite():
            return False
        self._good, self._times = self._learner.snapshot(), 0
        return True

    def go_back(self) -> None:
        """To the last good weights."""
        self._learner.load(**self._good)
        self._times += 1

    @property
    def hopeless(self) -> bool:
        """Whether going back has not helped several times in a row."""
        return self._times > MOST
