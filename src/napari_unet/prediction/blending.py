"""Blended windows: prediction of networks for which tiles cannot be exact. Free of torch.

Statistics over space, or attention, make each output depend on all that the network is given. So
it is always given the same: windows of one side, at steps of half that side from the image origin,
whatever part of the image is asked for. Where windows overlap, their probabilities are averaged
with the weights of a raised cosine (Hann, sampled at pixel centres), which falls to zero at the
ends of a window and whose values at a distance of half a side W sum to 1,

    sin(pi (i + 1/2) / W)^2 + sin(pi (i + 1/2 + W/2) / W)^2 = 1,

so that there are no seams. Half a side at the rim of the image lies in one window only (along that
axis), which counts in full there. The last window may reach beyond the image, which is mirrored.

The image falls into *cells*, half a window long, each predicted by the same 1 to 2^dims windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_unet.images.tiling import Box, Tile, equal_parts
from napari_unet.networks.geometry import Geometry, Sizes

Array = npt.NDArray[np.float32]
Position = tuple[int, ...]
"""Of a cell or a window in its grid."""

USUAL_WINDOW = {2: 512, 3: 64}
"""Side by number of spatial axes; the same on all devices, since the result depends on it."""


def window_side(shape: Sizes, geometry: Geometry) -> Sizes:
    """Side of the windows for an image of ``shape``.

    That is ``geometry.window``; without one, the image is cut into few equal parts of about
    ``USUAL_WINDOW``. It is at least two strides, a multiple of the stride, and even.
    """
    wish = geometry.window or equal_parts(shape, USUAL_WINDOW[len(shape)])
    side = []
    for w, stride, base in zip(wish, geometry.stride, geometry.base, strict=True):
        step = math.lcm(stride, 2)
        side.append(-(-max(w, 2 * stride, base) // step) * step)
    return tuple(side)


def hann(side: int) -> Array:
    """Weights along a window: a raised cosine at the centres of ``side`` pixels."""
    weights = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    return weights.astype(np.float32)


@dataclass(frozen=True)
class _Axis:
    """Cells and windows along an axis of ``size`` pixels."""

    size: int
    side: int

    @property
    def step(self) -> int:
        return self.side // 2

    @property
    def count(self) -> int:
        """Number of cells; where one window holds all, it is one, up to a window long."""
        return 1 if self.size <= self.side else -(-self.size // self.step)

    @property
    def windows(self) -> int:
        """None begins before the image, or in its last cell."""
        return max(1, self.count - 1)

    def span(self, cell: int) -> tuple[int, int]:
        last = cell == self.count - 1
        return (cell * self.step, self.size if last else (cell + 1) * self.step)

    def cells(self, start: int, stop: int) -> range:
        """Those that hold pixels of ``start`` .. ``stop`` - 1."""
        if start >= stop:
            return range(0)
        first, last = (min(p // self.step, self.count - 1) for p in (start, stop - 1))
        return range(first, last + 1)

    def windows_of(self, cell: int) -> range:
        """The one or two windows that hold a cell."""
        return range(max(0, cell - 1), min(cell, self.windows - 1) + 1)


class Windows:
    """The windows and cells of an image of ``shape``."""

    def __init__(self, shape: Sizes, geometry: Geometry) -> None:
        self.side = window_side(shape, geometry)
        self._geometry = geometry
        self._axes = [_Axis(n, side) for n, side in zip(shape, self.side, strict=True)]
        # The longest axis is the slowest: what waits for its last window is a row of the shortest.
        self._order = sorted(range(len(shape)), key=lambda axis: -shape[axis])

    def cells(self, box: Box) -> list[Tile]:
        """The cells that intersect ``box``, cut to it, in the order in which they are predicted.

        ``number`` counts the cells of the whole image, the last axis fastest; ``input`` holds all
        that their windows are given; ``crop`` is where the output lies in that, less the border
        that a valid network consumes.
        """
        return [self._tile(cell, box) for cell in self._cells(box)]

    def inputs(self, box: Box, skip: Collection[int] = ()) -> list[Box]:
        """What ``blend`` gives to ``predict``, in this order."""
        wanted = self._wanted(box, skip)
        return [self._input(window) for window in self._needed(wanted)]

    def blend(
        self, box: Box, predict: Callable[[Box], Array], skip: Collection[int] = ()
    ) -> Iterator[tuple[Tile, Array]]:
        """Each of ``cells(box)``, but the numbers in ``skip``, with its probability
        (class, *output).

        ``predict`` is given the input of each window that is needed, once, as late as possible, and
        returns the probability (class, *at least the side of a window) that begins one border after
        the input. What is kept meanwhile is the sums of a row of cells (in 3D, a layer), cut to
        ``box``. They are always added up in the same order: cutting to a box changes no bit.
        """
        sums: dict[Position, Array] = {}
        done: set[Position] = set()
        wanted = self._wanted(box, skip)
        waiting = iter(self._needed(wanted))
        kept = set(wanted)
        for cell in wanted:
            last = tuple(a.windows_of(c)[-1] for a, c in zip(self._axes, cell, strict=True))
            while last not in done:
                window = next(waiting)
                self._add(sums, window, predict(self._input(window)), box, kept)
                done.add(window)
            yield self._tile(cell, box), sums.pop(cell)

    def _wanted(self, box: Box, skip: Collection[int]) -> list[Position]:
        cells = self._cells(box)
        return [c for c in cells if self._number(c) not in skip] if skip else cells

    def _needed(self, cells: Sequence[Position]) -> list[Position]:
        """The windows that hold ``cells``, in the order in which they are predicted."""
        needed = {
            window
            for cell in cells
            for window in product(
                *(axis.windows_of(c) for axis, c in zip(self._axes, cell, strict=True))
            )
        }
        return sorted(needed, key=lambda window: [window[axis] for axis in self._order])

    def _add(
        self,
        sums: dict[Position, Array],
        window: Position,
        probability: Array,
        box: Box,
        kept: Collection[Position],
    ) -> None:
        """Give the ``kept`` cells that lie in a window their weighted parts of it."""
        inside = [
            [c for c in near if w in axis.windows_of(c)]
            for axis, near, w in zip(self._axes, self._near(box), window, strict=True)
        ]
        for cell in product(*inside):
            if cell not in kept:
                continue
            place = [
                slice(a - w * axis.step, b - w * axis.step)
                for axis, (a, b), w in zip(self._axes, self._output(cell, box), window, strict=True)
            ]
            part = probability[(slice(None), *place)]
            for k, (axis, c) in enumerate(zip(self._axes, cell, strict=True)):
                if len(axis.windows_of(c)) > 1:
                    weights = hann(axis.side)[place[k]]
                    part = part * weights.reshape(-1, *(1,) * (len(cell) - k - 1))
            if cell in sums:
                sums[cell] += part
            else:
                sums[cell] = part.copy()  # a view would keep the whole window

    def _near(self, box: Box) -> list[range]:
        return [axis.cells(*span) for axis, span in zip(self._axes, box, strict=True)]

    def _cells(self, box: Box) -> list[Position]:
        return self._ordered(self._near(box))

    def _ordered(self, ranges: Sequence[range]) -> list[Position]:
        """All combinations, the longest axis slowest."""
        back = [self._order.index(axis) for axis in range(len(ranges))]
        found = product(*(ranges[axis] for axis in self._order))
        return [tuple(one[k] for k in back) for one in found]

    def _input(self, window: Position) -> Box:
        starts = [w * axis.step for w, axis in zip(window, self._axes, strict=True)]
        sizes = self._geometry.output_size(self.side)
        border = self._geometry.border
        return tuple((s - b, s + n + b) for s, n, b in zip(starts, sizes, border, strict=True))

    def _output(self, cell: Position, box: Box) -> Box:
        spans = [axis.span(c) for axis, c in zip(self._axes, cell, strict=True)]
        return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(spans, box, strict=True))

    def _tile(self, cell: Position, box: Box) -> Tile:
        output = self._output(cell, box)
        near = [axis.windows_of(c) for axis, c in zip(self._axes, cell, strict=True)]
        first = self._input(tuple(n[0] for n in near))
        last = self._input(tuple(n[-1] for n in near))
        input_ = tuple((a, b) for (a, _), (_, b) in zip(first, last, strict=True))
        crop = tuple(
            (a - i - m, b - i - m)
            for (a, b), (i, _), m in zip(output, input_, self._geometry.border, strict=True)
        )
        return Tile(self._number(cell), output, input_, crop)

    def _number(self, cell: Position) -> int:
        number = 0
        for axis, c in zip(self._axes, cell, strict=True):
            number = number * axis.count + c
        return number
