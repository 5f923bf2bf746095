"""One thing that is wrong, where it is, and what one click does about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import LabelKind
from napari_unet.images.axes import Box, Index

Level = Literal["error", "warning", "note"]
MOST_PLACES = 50
"""Places of one issue that are kept; its message tells how many there are."""


@dataclass(frozen=True)
class Place:
    """A part of one plane: leading position and ((start, stop), ...) by spatial axis."""

    index: Index
    box: Box


@dataclass(frozen=True, eq=False)
class Fixed:
    """Labels after a fix, and the kind that they are of now."""

    labels: npt.NDArray[Any]
    kind: LabelKind


@dataclass(frozen=True, eq=False)
class Fix:
    """What one click does. ``apply`` takes the labels that were looked at and leaves them alone."""

    label: str
    apply: Callable[[npt.NDArray[Any]], Fixed] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Issue:
    """One finding. An "error" keeps from training; a "warning" spoils it; a "note" may be meant."""

    level: Level
    code: str
    message: str
    places: tuple[Place, ...] = ()
    fix: Fix | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "level": self.level,
            "code": self.code,
            "message": self.message,
            "places": [
                {"index": list(p.index), "box": [list(s) for s in p.box]} for p in self.places
            ],
            "fix": self.fix.label if self.fix is not None else None,
        }


def bounding_place(mask: npt.NDArray[np.bool_], index: Index) -> Place:
    """The box around the pixels of a plane that are True; at least one must be."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return Place(index, tuple(box))


def from_slices(slices: tuple[slice, ...], index: Index) -> Place:
    """A place from what ``scipy.ndimage.find_objects`` gives."""
    return Place(index, tuple((int(s.start), int(s.stop)) for s in slices))
