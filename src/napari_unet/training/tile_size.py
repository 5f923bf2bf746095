"""How large the pieces are that a step learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from napari_unet.networks.geometry import Geometry

SMALLEST_TILE = 32
IN_VOLUMES = 3
"""Tiles of volumes have a third of the sides asked for: 64 for 192, still 7 times the pixels."""


def fitting_tile(
    geometry: Geometry, side: int, shapes: Iterable[tuple[int, ...]]
) -> tuple[int, ...]:
    """The largest output the network can make that is no longer than wished or useful, by axis.

    ``side`` is the wish in 2D; ``shapes`` are those of the planes. As pieces are rotated in
    (y, x), these two have one length; z has its own.
    """
    longest = [max(lengths) for lengths in zip(*shapes, strict=True)]
    if len(longest) == 3:
        side = min(side, max(side // IN_VOLUMES, SMALLEST_TILE))
    longest[-2:] = [max(longest[-2:])] * 2
    return _at_most(geometry, [min(side, max(n, SMALLEST_TILE)) for n in longest])


def smaller_tile(geometry: Geometry, tile: tuple[int, ...]) -> tuple[int, ...]:
    """About half of ``tile``; sides that are small already stay."""
    return _at_most(geometry, [max(n // 2, min(n, SMALLEST_TILE)) for n in tile])


def _at_most(geometry: Geometry, wish: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        base + max(0, (n - base) // stride) * stride
        for n, base, stride in zip(wish, geometry.base, geometry.stride, strict=True)
    )
