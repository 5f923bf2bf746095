"""How large the pieces are that a step learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari_unet.networks.anisotropy import ALIKE
from napari_unet.networks.geometry import Geometry
from napari_unet.training.volumes import box_sides

SMALLEST_TILE = 32
IN_VOLUMES = 3
"""Tiles of volumes have a third of the sides asked for: 64 for 192, still 7 times the pixels."""


def fitting_tile(
    geometry: Geometry,
    side: int,
    shapes: Iterable[tuple[int, ...]],
    voxel: Sequence[float] = (),
) -> tuple[int, ...]:
    """The largest output the network can make that is no longer than wished or useful, by axis.

    ``side`` is the wish in 2D; ``shapes`` are those of the planes. As pieces are rotated in
    (y, x), these two have one length; z has its own. Where voxels (of relative size ``voxel``) are
    longer along one axis, the piece has fewer of them along it, and as many in all.
    """
    longest = [max(lengths) for lengths in zip(*shapes, strict=True)]
    if len(longest) == 3:
        side = min(side, max(side // IN_VOLUMES, SMALLEST_TILE))
    longest[-2:] = [max(longest[-2:])] * 2
    if not voxel or max(voxel) < ALIKE:
        return _at_most(geometry, [min(side, max(n, SMALLEST_TILE)) for n in longest])
    sides = box_sides(side, voxel)
    sides[-2:] = [max(sides[-2:])] * 2
    needed = [-(-n // s) * s for n, s in zip(longest, geometry.stride, strict=True)]
    return _at_most(geometry, [min(s, n) for s, n in zip(sides, needed, strict=True)])


def smaller_tile(geometry: Geometry, tile: tuple[int, ...]) -> tuple[int, ...]:
    """About half of ``tile``; sides that are small already stay."""
    return _at_most(geometry, [max(n // 2, min(n, SMALLEST_TILE)) for n in tile])


def smaller_step(
    geometry: Geometry, batch: int, tile: tuple[int, ...]
) -> tuple[int, tuple[int, ...]]:
    """Batch and tile of a step that needs half of the memory: half the batch, then half the tile.

    Both as they were when nothing is left to halve.
    """
    return (batch // 2, tile) if batch > 1 else (batch, smaller_tile(geometry, tile))


def _at_most(geometry: Geometry, wish: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        base + max(0, (n - base) // stride) * stride
        for n, base, stride in zip(wish, geometry.base, geometry.stride, strict=True)
    )
