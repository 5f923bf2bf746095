"""Reach of networks whose expansive path is more than 2x2 up-convolutions. Free of torch.

``geometry.encoder_decoder_geometry`` has a formula for the usual U-Net. Transposed convolutions
whose kernels overlap, or skip connections at only some of the levels, make what a pixel sees
depend on where in the stride it lies; here every such place is followed down the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Up:
    """A transposed convolution: ``kernel``, ``stride`` and ``padding`` as in torch."""

    kernel: int
    stride: int
    padding: int = 0

    def sources(self, first: int, last: int) -> tuple[int, int]:
        """The input cells, first and last, that the output cells ``first`` .. ``last`` use."""
        # Output o is made of the inputs i with 0 <= o + padding - stride * i < kernel.
        lowest = -((self.kernel - 1 - self.padding - first) // self.stride)
        return lowest, (last + self.padding) // self.stride


@dataclass(frozen=True)
class Level:
    """A map of the expansive path, from which the next finer one is made.

    radius
        Cells that the convolutions at this level add on each side.
    sees
        What the contracting path gives to this level: pixels around its own square that a cell of
        it depends on; None where nothing is given.
    up
        How this map was made from that of the next coarser level; None at the lowest.
    """

    radius: int = 0
    sees: int | None = None
    up: Up | None = None


def contracting_reach(radii: Sequence[int]) -> list[int]:
    """Pixels around its square that a cell of each level depends on, after its convolutions.

    ``radii`` are cells that the convolutions of a level add on each side; a 2x2 pooling lies
    between two levels, which adds nothing around the square of 2^level pixels.
    """
    return [sum(r * 2**i for i, r in enumerate(radii[: n + 1])) for n in range(len(radii))]


def expansive_reach(levels: Sequence[Level]) -> int:
    """One-sided reach, in pixels, of a network with these levels, finest first.

    The largest over all pixels of one stride, the product of those of the ``up``.
    """
    stride = math.prod(level.up.stride for level in levels if level.up)
    return max(_reach_of(pixel, levels) for pixel in range(stride))


def _reach_of(pixel: int, levels: Sequence[Level]) -> int:
    low = high = first = last = pixel
    size = 1
    for level in levels:
        first, last = first - level.radius, last + level.radius
        if level.sees is not None:
            low = min(low, first * size - level.sees)
            high = max(high, (last + 1) * size - 1 + level.sees)
        if level.up:
            first, last = level.up.sources(first, last)
            size *= level.up.stride
    return max(pixel - low, high - pixel)
