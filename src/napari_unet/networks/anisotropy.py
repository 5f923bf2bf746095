"""Poolings for voxels that are longer along some axes. Free of torch.

A *pooling* is one tuple for each level: by how much it shrinks each axis, (z, y, x), 1 or 2. As
nnU-Net does it (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z, Supplementary Note 2), an axis
along which voxels are long waits until those along the others are about as long.
"""

from __future__ import annotations

from collections.abc import Sequence

Pooling = tuple[tuple[int, ...], ...]

ALIKE = 2.0
"""Voxels that differ in length by less than this factor count as alike."""
FEWEST = 4
"""An axis with fewer pixels than this is not halved any more."""


def pooling_for(
    spacing: Sequence[float], depth: int, shape: Sequence[int] | None = None
) -> Pooling | None:
    """Poolings of ``depth`` levels for voxels of ``spacing``; None where all are the usual ones.

    Each level halves the axes along which its voxels are shorter than twice the shortest, unless
    fewer than ``FEWEST`` pixels of ``shape`` are left along them.

    >>> pooling_for((40, 6, 6), 4)
    ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))
    """
    size = [float(s) for s in spacing]
    left = [float(n) for n in shape] if shape is not None else [float("inf")] * len(size)
    levels: list[tuple[int, ...]] = []
    for _ in range(depth):
        able = [n >= FEWEST for n in left]
        if not any(able):  # a level has to do something
            able = [True] * len(size)
        shortest = min(s for s, a in zip(size, able, strict=True) if a)
        level = tuple(
            2 if a and s < ALIKE * shortest else 1 for s, a in zip(size, able, strict=True)
        )
        size = [s * f for s, f in zip(size, level, strict=True)]
        left = [n / f for n, f in zip(left, level, strict=True)]
        levels.append(level)
    usual = all(factor == 2 for level in levels for factor in level)
    return None if usual else tuple(levels)


def usual_pooling(depth: int, dims: int) -> Pooling:
    """2 along every axis at every level."""
    return ((2,) * dims,) * depth


def radii(pooling: Pooling, dims: int) -> list[tuple[int, ...]]:
    """Reach of one convolution by level (``len(pooling)`` + 1 of them) and axis: 1, or 0.

    A level does not look along an axis that is pooled only below it: its kernels are 1x3x3. All
    kernels of the lowest level look along all axes.
    """
    begun = [False] * dims
    found = []
    for level in pooling:
        begun = [b or factor > 1 for b, factor in zip(begun, level, strict=True)]
        found.append(tuple(int(b) for b in begun))
    return [*found, (1,) * dims]


def check_pooling(pooling: Pooling | None, depth: int | None) -> Pooling | None:
    """``pooling`` if its levels fit together, else ValueError with the end of a sentence."""
    if pooling is None:
        return None
    if depth is not None and len(pooling) != depth:
        raise ValueError(f"there are {depth} poolings, give one tuple for each")
    if len({len(level) for level in pooling}) != 1 or len(pooling[0]) not in (2, 3):
        raise ValueError("each pooling has one factor for each axis, (y, x) or (z, y, x)")
    if any(factor not in (1, 2) for level in pooling for factor in level):
        raise ValueError("each factor of a pooling is 1 or 2")
    return pooling
