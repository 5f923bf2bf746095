"""Gaps between neighbouring objects, and which of them the boundary weights protect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import Target
from napari_unet.annotations.two_nearest import TwoNearest

PROTECTED = 1.0
"""A gap is protected when its boundary weight is at least this: merging the two objects there costs
as much again as a mistake on an average labelled pixel, whose class weight is 1."""
SHARE = 0.9
"""Part of the gaps that the suggested sigma protects."""


@dataclass(frozen=True)
class Gap:
    """The narrowest place between two objects that are each other's neighbours.

    ``ids``: as in the labels. ``width``: d1 + d2 there, in pixels; 2 where the objects touch, with
    the line of background that training puts between them. ``place``: (y, x) or (z, y, x).
    ``labelled``: whether that place is labelled as background, without which it has no weight.
    """

    ids: tuple[int, int]
    width: float
    place: tuple[int, ...]
    labelled: bool

    def weight(self, w0: float, sigma: float) -> float:
        """The boundary weight at ``place``."""
        return w0 * math.exp(-(self.width**2) / (2 * sigma**2)) if self.labelled else 0.0

    def protected(self, w0: float, sigma: float) -> bool:
        """Whether the map makes the network learn this gap."""
        return self.weight(w0, sigma) >= PROTECTED


def measure_gaps(target: Target, nearest: TwoNearest, widest: float) -> list[Gap]:
    """All gaps of at most ``widest`` pixels between neighbours, narrowest first.

    Two objects are neighbours when some background pixel has them as its two nearest. ``nearest``
    must have been made from ``target.objects`` with a reach of at least ``widest``. Where part of a
    gap is labelled, its narrowest labelled place counts.
    """
    if target.objects is None:
        return []
    narrow = nearest.total <= widest
    places, total = nearest.places[narrow], nearest.total[narrow]
    if not len(places):
        return []
    numbers = np.unique(target.objects)
    numbers = numbers[numbers != 0]
    one, two = nearest.first[narrow], nearest.second[narrow]
    low, high = np.minimum(one, two).astype(np.int64), np.maximum(one, two).astype(np.int64)
    pair = low * (len(numbers) + 1) + high
    labelled = target.classes.ravel()[places] != UNLABELLED
    order = np.lexsort((total, ~labelled, pair))
    _, starts = np.unique(pair[order], return_index=True)
    gaps = []
    for chosen in order[starts]:
        place = np.unravel_index(places[chosen], target.classes.shape)
        gaps.append(
            Gap(
                (int(numbers[low[chosen] - 1]), int(numbers[high[chosen] - 1])),
                float(total[chosen]),
                tuple(int(p) for p in place),
                bool(labelled[chosen]),
            )
        )
    return sorted(gaps, key=lambda gap: gap.width)


def suggest_sigma(gaps: Sequence[Gap], w0: float) -> float | None:
    """The smallest sigma, in tenths of a pixel, that protects ``SHARE`` of the labelled gaps.

    Narrow on purpose: a wider map says less about where the gap is. None without gaps, or where w0
    is too low to protect any gap whatever sigma is.
    """
    widths = sorted(gap.width for gap in gaps if gap.labelled)
    if not widths or w0 <= PROTECTED:
        return None
    width = widths[math.ceil(SHARE * len(widths)) - 1]
    return math.ceil(10 * width / math.sqrt(2 * math.log(w0 / PROTECTED))) / 10
