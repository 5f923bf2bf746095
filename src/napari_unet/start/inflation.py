"""Filters that were learned on planes, for volumes.

After J. Carreira and A. Zisserman, "Quo vadis, action recognition?", CVPR 2017 (arXiv 1705.07750),
who repeat a filter along the new axis. Here it lies in the middle of it instead, and in all three
orientations at once, for the axes of a volume are alike where its voxels are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from torch import Tensor


def inflated_filter(flat: Tensor, sides: Sequence[int]) -> Tensor:
    """A convolution's filter (out, in, 3, 3) as (out, in, *sides), with ``sides`` of 1 or 3.

    The mean over the planes of the volume, each with the filter in its middle. Of axes that are not
    looked along (1) the filter is the sum, which is what it says where nothing changes along them,
    and planes that hold fewer of the other axes than they could are left out.
    """

    def lay(whole: Tensor, plane: tuple[int, ...]) -> None:
        rest = ({0, 1, 2} - set(plane)).pop()
        piece = _narrowed(flat, plane, sides, lambda x, axis: x.sum(axis, keepdim=True))
        whole.select(2 + rest, sides[rest] // 2).add_(piece)

    return _mean_over_planes(flat, sides, lay)


def inflated_up(flat: Tensor, sides: Sequence[int]) -> Tensor:
    """The same of an up-convolution, (in, out, 2, 2) as (in, out, *sides), with sides of 1 or 2.

    Along the new axis it is repeated, for there both halves are the same picture.
    """

    def lay(whole: Tensor, plane: tuple[int, ...]) -> None:
        rest = ({0, 1, 2} - set(plane)).pop()
        piece = _narrowed(flat, plane, sides, lambda x, axis: x.mean(axis, keepdim=True))
        whole.add_(piece.unsqueeze(2 + rest))

    return _mean_over_planes(flat, sides, lay)


def _mean_over_planes(
    flat: Tensor, sides: Sequence[int], lay: Callable[[Tensor, tuple[int, ...]], None]
) -> Tensor:
    planes = list(combinations(range(3), 2))
    looked = [sum(sides[axis] > 1 for axis in plane) for plane in planes]
    chosen = [p for p, n in zip(planes, looked, strict=True) if n == max(looked)]
    whole = flat.new_zeros(*flat.shape[:2], *sides)
    for plane in chosen:
        lay(whole, plane)
    return whole / len(chosen)


def _narrowed(
    flat: Tensor,
    plane: tuple[int, ...],
    sides: Sequence[int],
    narrow: Callable[[Tensor, int], Tensor],
) -> Tensor:
    """``flat`` with one pixel along the axes of ``plane`` whose side is 1."""
    for place, axis in enumerate(plane):
        if sides[axis] == 1:
            flat = narrow(flat, 2 + place)
    return flat
