"""Filters that were learned on planes, for volumes.

After J. Carreira and A. Zisserman, "Quo vadis, action recognition?", CVPR 2017 (arXiv 1705.07750),
who repeat a filter along the new axis. Here it lies in the middle of it instead, and in all three
orientations at once, for the axes of a volume are alike where its voxels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from torch import Tensor


def inflated(flat: Tensor, sides: Sequence[int], *, up: bool = False) -> Tensor:
    """A convolution's filter (out, in, 3, 3) as (out, in, *sides), with ``sides`` of 1 or 3.

    The mean over the three planes through a voxel, each with the filter in its middle. Along axes
    that are not looked along (1) the filter is added up, which is what it says where nothing
    changes along them. Planes with more of these than need be are left out.

    ``up``: that of an up-convolution of stride 2 instead, (in, out, 2, 2) as (in, out, *sides),
    with ``sides`` of 1 or 2. It is repeated along the new axis, for both halves are the same
    picture there, and along axes that do not grow (1) it is the mean.
    """
    planes = list(combinations(range(3), 2))
    looked = [sum(sides[axis] > 1 for axis in plane) for plane in planes]
    chosen = [p for p, n in zip(planes, looked, strict=True) if n == max(looked)]
    whole = flat.new_zeros(*flat.shape[:2], *sides)
    for plane in chosen:
        piece = flat
        for place, axis in enumerate(plane, start=2):
            if sides[axis] == 1:
                piece = piece.mean(place, keepdim=True) if up else piece.sum(place, keepdim=True)
        across = 3 - sum(plane)
        middle = sides[across] // 2
        along = whole.movedim(2 + across, -1)
        (along if up else along[..., middle : middle + 1]).add_(piece.unsqueeze(-1))
    return whole / len(chosen)
