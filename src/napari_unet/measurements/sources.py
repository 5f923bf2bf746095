"""What a prediction says about the foreground, whatever it was kept as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.errors import UserError

MOST_CLASSES = 64


def has_class_axis(data: npt.NDArray[Any]) -> bool:
    """Whether the first axis of a probability is that of classes: then they add up to one."""
    if data.ndim < 3 or not 2 <= len(data) <= MOST_CLASSES:
        return False
    # Corner, middle and end are enough to tell, and cheap for a large stack.
    places = [tuple(int(part * (n - 1)) for n in data.shape[1:]) for part in (0, 0.37, 0.5, 1)]
    return all(
        abs(sum(float(data[(number, *place)]) for number in range(len(data))) - 1) < 0.01
        for place in places
    )


def foreground(data: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Probability of any class but background, without a class axis: float32, 0 to 1.

    ``data`` is (\\*spatial), already the foreground's, or (class, \\*spatial) with background
    first; integers from 0 to 255 are read as parts of 255.

    Raises
    ------
    UserError
        Values that are no probabilities.
    """
    if has_class_axis(data):
        return np.asarray(1 - np.asarray(data[0], np.float32), np.float32)
    values: npt.NDArray[np.float32] = np.asarray(data, np.float32)
    if np.asarray(data).dtype == np.uint8:
        values = np.asarray(values / 255, np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # also for NaN
        raise UserError(
            f"These are no probabilities (values from {low:.3g} to {high:.3g}, not 0 to 1): "
            "choose a prediction, a probability layer or a Labels layer."
        )
    return values


def class_map(labels: npt.NDArray[Any], kind: LabelKind) -> npt.NDArray[Any]:
    """Labels of a kind as class indices; 255 where scribbles say nothing."""
    if kind == "scribbles":
        known = np.asarray(labels, np.int64) - 1
        return np.asarray(np.where(known < 0, UNLABELLED, known), np.uint8)
    if kind == "objects":
        return np.asarray(np.asarray(labels) != 0, np.uint8)
    return labels


@dataclass(frozen=True, eq=False)
class Source:
    """A layer's array, read frame by frame: a frame is a plane, or a volume with ``dims`` 3.

    ``data`` is (\\*leading, \\*spatial), integers; or with ``probability`` floats, perhaps with a
    first axis of classes.
    """

    data: Any
    dims: int
    probability: bool = False
    class_axis: bool = False

    @classmethod
    def of(cls, data: Any, dims: int, probability: bool) -> Source:
        """Find out whether the first axis is that of classes."""
        return cls(data, dims, probability, probability and has_class_axis(data))

    @property
    def shape(self) -> tuple[int, ...]:
        """(\\*leading, \\*spatial)"""
        return tuple(self.data.shape[1:] if self.class_axis else self.data.shape)

    @property
    def leading(self) -> tuple[int, ...]:
        return self.shape[: len(self.shape) - self.dims]

    def indices(self, first: tuple[int, ...] | None = None) -> list[tuple[int, ...]]:
        """All frames, the one named ``first`` before the others."""
        every = [tuple(index) for index in np.ndindex(self.leading)]
        return sorted(every, key=lambda index: index != first) if first in every else every

    def frame(self, index: tuple[int, ...]) -> npt.NDArray[Any]:
        """A copy of one frame: (\\*spatial) float32 from 0 to 1, or integers.

        :class:`UserError` for values that are no probabilities.
        """
        if not self.probability:
            return np.array(self.data[index])
        if self.class_axis:
            return np.asarray(1 - np.asarray(self.data[(0, *index)], np.float32), np.float32)
        return foreground(np.asarray(self.data[index]))
