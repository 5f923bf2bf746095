"""Overlap tiles: which pieces of an image a network must see to predict all of it exactly.

Ronneberger et al. 2015, Fig. 2: to predict an output region, a larger input region is needed; where
it reaches beyond the image, the image is mirrored. Here an untiled prediction is the special case
of one tile, and both predict the same virtual image, mirrored without end on all sides. Two rules
make them equal for every network whose prediction is local:

- The network sees at least its halo around every pixel that is kept, so that no kept pixel
  depends on where the tile ends.
- Network outputs start at multiples of the total stride, counted from the image origin, so that
  poolings group the same pixels in every tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.images.axes import Box

__all__ = [
    "Box",
    "Tile",
    "TileGeometry",
    "box_to_read",
    "check_tile",
    "equal_parts",
    "mirror_indices",
    "plan_tiles",
    "read_mirrored",
]

Sizes = tuple[int, ...]
Span = tuple[int, int]


class TileGeometry(Protocol):
    """What must be known of a network, by spatial axis (``networks.geometry.Geometry``)."""

    @property
    def stride(self) -> Sizes:
        """Total stride."""

    @property
    def halo(self) -> Sizes:
        """Input needed around the output; for padded networks a multiple of the stride."""

    @property
    def border(self) -> Sizes:
        """How much smaller the network's output is than its input, on each side."""

    def output_size(self, at_least: Sizes) -> Sizes:
        """Smallest output size that the network can make and that is at least this."""


@dataclass(frozen=True)
class Tile:
    """One tile of a plan; boxes are half-open, in pixels of the image."""

    number: int
    """Counts the tiles of the whole image, the last axis fastest."""
    output: Box
    """What the tile predicts; inside the image (and the box that was asked for)."""
    input: Box
    """What the network is given; may reach outside the image (see :func:`read_mirrored`)."""
    crop: Box
    """Where ``output`` lies in the network's output for this tile."""


def plan_tiles(
    shape: Sizes, geometry: TileGeometry, tile: int | Sizes, box: Box | None = None
) -> list[Tile]:
    """Tiles that predict every pixel of ``shape``, or of ``box``, exactly once.

    ``tile`` is the wished output size; it is rounded up to what the network can make. Where it is
    at least the size of the image there is one tile along that axis, else the image is cut into as
    few tiles as possible, of nearly the same size. With ``box``, only the tiles that intersect it
    remain, cut down to it with less input where possible, under their old numbers: pass the shape
    as ``tile`` to predict a box in one piece.

    Raises
    ------
    UserError
        ``tile`` is not positive.
    """
    check_tile(tile)
    wished = (tile,) * len(shape) if isinstance(tile, int) else tuple(tile)
    # The step from tile to tile is a multiple of the stride, so a tile is at least one stride.
    output = geometry.output_size(
        tuple(max(w, s) for w, s in zip(wished, geometry.stride, strict=True))
    )
    spans = [_spans(*axis) for axis in zip(shape, output, geometry.stride, strict=True)]
    box = box or tuple((0, n) for n in shape)
    tiles = []
    for number, corner in enumerate(product(*spans)):
        cut = tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(corner, box, strict=True))
        if all(a < b for a, b in cut):
            tiles.append(_tile(number, cut, geometry))
    return tiles


def check_tile(tile: int | Sizes | None) -> None:
    """Raise :class:`UserError` unless a wished tile size is positive (or none is wished)."""
    if tile is not None and min((tile,) if isinstance(tile, int) else tile) < 1:
        raise UserError(f"A tile size of {tile} is not possible: give a positive number of pixels.")


def _spans(size: int, output: int, stride: int) -> list[Span]:
    """Cut ``size`` at multiples of ``stride`` into spans no longer than ``output``."""
    if output >= size:
        return [(0, size)]
    count = -(-size // (output // stride * stride))
    step = -(-size // (count * stride)) * stride
    return [(start, min(start + step, size)) for start in range(0, size, step)]


def _tile(number: int, output: Box, geometry: TileGeometry) -> Tile:
    starts = tuple(a // s * s for (a, _), s in zip(output, geometry.stride, strict=True))
    sizes = geometry.output_size(
        tuple(b - start for (_, b), start in zip(output, starts, strict=True))
    )
    input_ = tuple(
        (start - h, start + n + h) for start, n, h in zip(starts, sizes, geometry.halo, strict=True)
    )
    # A padded network returns its halo too, a valid one consumes it: border is 0 or the halo.
    crop = tuple(
        (a - i - b, e - i - b)
        for (a, e), (i, _), b in zip(output, input_, geometry.border, strict=True)
    )
    return Tile(number, output, input_, crop)


def equal_parts(shape: Sizes, usual: int) -> Sizes:
    """Sides of the equal parts of about ``usual`` pixels into which ``shape`` falls.

    Up to half as much again where that saves a cut.
    """
    return tuple(-(-n // max(1, round(n / usual))) for n in shape)


def mirror_indices(start: int, stop: int, size: int) -> npt.NDArray[np.intp]:
    """Pixels of an axis of ``size`` that stand at the positions ``start`` .. ``stop`` - 1.

    Positions outside are mirrored about the edge pixels, which are not repeated, as often as
    needed: for size 3, ... 2 1 | 0 1 2 | 1 0 1 2 ...
    """
    position = np.arange(start, stop)
    if size == 1:
        return np.zeros_like(position)
    position %= 2 * (size - 1)
    return np.minimum(position, 2 * (size - 1) - position)


def read_mirrored(
    read: Callable[[Box], npt.NDArray[Any]], box: Box, shape: Sizes
) -> npt.NDArray[Any]:
    """Pixels (C, *box) of the image mirrored without end; ``box`` may reach outside ``shape``.

    ``read`` is called once, with the smallest box inside the image that holds all that is needed,
    and returns (C, *that box).
    """
    indices = [mirror_indices(*span, n) for span, n in zip(box, shape, strict=True)]
    inner = _held(indices)
    pixels = read(inner)
    if inner == tuple(box):
        return pixels
    for axis, (index, (first, _)) in enumerate(zip(indices, inner, strict=True), start=1):
        pixels = np.take(pixels, index - first, axis=axis)
    return pixels


def box_to_read(box: Box, shape: Sizes) -> Box:
    """The box that :func:`read_mirrored` asks for."""
    return _held([mirror_indices(*span, n) for span, n in zip(box, shape, strict=True)])


def _held(indices: Sequence[npt.NDArray[np.intp]]) -> Box:
    return tuple((int(i.min()), int(i.max()) + 1) for i in indices)
