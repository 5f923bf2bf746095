"""Classes that may be told apart by direction only: left and right, front and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.preflight.issue import Issue

Offsets = Mapping[tuple[int, int], tuple[float, float]]
"""(y, x) from the centre of one class to that of another, in sides of a square of their size."""

FEWEST_IMAGES = 4
"""Images from which the same direction in all of them is hardly chance."""
ALIKE = 0.9
"""Length of the mean of unit vectors from which they count as pointing the same way."""
APART = 0.5
"""Offset below which two classes lie within each other rather than side by side."""
MOST_CLASSES = 16
"""More values than these are ids of objects."""


def offsets(labels: npt.NDArray[Any], values: Sequence[frozenset[int]], dims: int) -> Offsets:
    """How classes lie to each other in y and x: the mean over planes (volumes) that hold both.

    ``labels``: leading + spatial, the last ``dims`` axes spatial; ``values``: of each plane. 0 and
    255 are left out.
    """
    leading = labels.shape[: labels.ndim - dims]
    found: dict[tuple[int, int], list[npt.NDArray[np.float64]]] = {}
    for index, held in zip(np.ndindex(*leading), values, strict=True):
        classes = sorted(held - {0, UNLABELLED})
        if not 2 <= len(classes) <= MOST_CLASSES:
            continue
        where = {value: _centre(labels[index] == value) for value in classes}
        for a, b in combinations(classes, 2):
            (centre_a, size_a), (centre_b, size_b) = where[a], where[b]
            side = ((size_a + size_b) / 2) ** (1 / dims)
            found.setdefault((a, b), []).append((centre_b - centre_a) / side)
    means = {pair: np.mean(ways, axis=0) for pair, ways in found.items()}
    return {pair: (float(y), float(x)) for pair, (y, x) in means.items()}


def _centre(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], int]:
    """(y, x) of the centre, and pixels; at least one must be True. Lists no pixel of a volume."""
    shadow = mask.sum(axis=tuple(range(mask.ndim - 2)))
    rows, columns = shadow.sum(1), shadow.sum(0)
    size = int(rows.sum())
    return np.array([rows @ np.arange(len(rows)), columns @ np.arange(len(columns))]) / size, size


def lint_directions(images: Sequence[tuple[str, Offsets]]) -> list[tuple[str, Issue]]:
    """(name of an image, issue): pairs of classes that lie the same way round in all images."""
    issues = []
    for pair in sorted({pair for _, known in images for pair in known}):
        named = [(name, known[pair]) for name, known in images if pair in known]
        ways = np.array([way for _, way in named])
        lengths = np.hypot(*ways.T)
        if len(named) < FEWEST_IMAGES or lengths.min() < APART:
            continue
        if np.hypot(*(ways / lengths[:, None]).mean(0)) < ALIKE:
            continue
        text = (
            f"Classes {pair[0]} and {pair[1]} lie the same way round in all {len(named)} images. "
            "If only that tells them apart, train without turning and mirroring (rotation none, "
            "mirror off); else nothing needs to be done."
        )
        issues.append((named[0][0], Issue("note", "direction", text)))
    return issues
