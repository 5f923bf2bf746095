"""Probabilities of images of any size, tile by tile, on any device.

Ronneberger et al. 2015, Fig. 2 (overlap-tile strategy): images/tiling.py says what is cut, this
module what is done with a piece. Whatever the tiles are, the result is the same. Networks for which
no tiling is exact are predicted in windows that are blended (blending.py); then what is called a
tile is a part of the image that the same windows cover.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.images.axes import Index
from napari_unet.images.tiling import (
    Box,
    Tile,
    box_to_read,
    check_tile,
    plan_tiles,
    read_mirrored,
)
from napari_unet.networks.geometry import Geometry, Sizes
from napari_unet.networks.margins import takes_margin
from napari_unet.prediction.blending import Windows
from napari_unet.prediction.device import autocast, free_memory, is_out_of_memory
from napari_unet.prediction.enlarging import enlarging
from napari_unet.prediction.folding import fold
from napari_unet.prediction.graphs import Graphed
from napari_unet.prediction.packing import can_pack, pack
from napari_unet.prediction.rotations import VIEWS, View
from napari_unet.prediction.tile_sizes import default_tile
from napari_unet.prediction.way import Way

Array = npt.NDArray[np.float32]
Read = Callable[[Box], npt.NDArray[np.float32]]
"""Returns the pixels (C, *box) of a box inside the image, normalised, float32."""

LARGE = 2**24
"""Pixels from which a plane is large: what its halos cost matters more than that it can be stopped
soon."""
LARGE_TILES = (1024, 768)
LARGE_MEMORY = 9 * 2**27


class Predictor:
    """A network ready to predict.

    ``network`` maps (B, C, *spatial) to logits (B, class, *spatial). It is moved to ``device``,
    laid out channels last and put into evaluation mode, all in place. ``precision`` is "float32",
    "bf16" or "fp16"; the softmax is always float32. A ``way`` says more than the precision, which
    is then taken from it; folded or packed, the predictor keeps what the weights are now.

    When memory runs out, the tile at hand and those after it are predicted in pieces of half the
    side, with the same result; ``notes`` then holds a sentence about it. Blended windows cannot be
    halved, as the result would be another.

    ``size``: images are enlarged so many times before the network sees them, see
    :mod:`napari_unet.prediction.enlarging`; sizes of tiles are still those of the image.
    """

    def __init__(
        self,
        network: nn.Module,
        geometry: Geometry,
        *,
        device: torch.device,
        precision: str = "float32",
        way: Way | None = None,
        size: Fraction = Fraction(1),
    ) -> None:
        self.way = way or Way(precision)
        self.size = size
        self.known: Mapping[Index, Array] = {}
        self._given = network, geometry
        network, self.geometry = enlarging(network, geometry, size)
        self.device = device
        self.precision = self.way.precision
        self.dims = len(geometry.stride)
        self.notes: list[str] = []
        self._layout = self.way.layout(self.dims)
        self.network = network.to(device=device, memory_format=self._layout).eval()  # type: ignore[call-overload]
        self._run: nn.Module = self.network
        if self.way.folded:
            self._run = fold(self.network).to(memory_format=self._layout)  # type: ignore[call-overload]
        if self.way.packed and device.type == "cpu" and can_pack():
            self._run = pack(self._run, self.precision)
        if self.way.graphs and device.type == "cuda":
            self._run = Graphed(self._run, self.precision)
        self._largest: int | None = None  # side of a tile's output since memory ran out

    def at_size(self, size: Fraction) -> Predictor:
        """This predictor for images that are to be enlarged so many times; notes are shared."""
        if size == self.size:
            return self
        other = Predictor(*self._given, device=self.device, way=self.way, size=size)
        other.notes = self.notes
        return other

    def knowing(self, planes: Mapping[Index, Array]) -> Predictor:
        """This predictor, with the probability (class, *spatial) of some planes by their index."""
        other = copy(self)
        other.known = planes
        return other

    def tile_probability(self, input: npt.NDArray[np.float32]) -> Array:
        """Probability (class, *network output) of a piece (C, *spatial) that fits the network.

        Raises
        ------
        UserError
            The network cannot take an input of this size.
        """
        self.geometry.check_input(input.shape[1:])
        return self._probability(input, None, rotations=False).cpu().numpy()

    def tiles(
        self,
        read: Read,
        shape: Sizes,
        tile: int | Sizes | None = None,
        box: Box | None = None,
        rotations: bool = False,
        skip: Collection[int] = (),
        known: Array | None = None,
    ) -> Iterator[tuple[Tile, Array]]:
        """Each tile of the plan for an image of ``shape``, with the probability of its output.

        ``read`` is asked for one tile's input at a time, so that the image need not fit in memory.
        ``tile`` is the wished output size (see ``default_tile``; of no effect where windows are
        blended); ``box`` limits what is predicted. With ``rotations`` the eight symmetric views are
        averaged. ``skip``: numbers of tiles that are left out. ``known``: the probability of the
        whole image, where nothing is to be predicted any more but the tiles are still wanted.

        Raises
        ------
        UserError
            ``tile`` is not positive, or memory does not even hold the smallest tile.
        """
        if not self.geometry.tile_exact:
            check_tile(tile)
            yield from self._blended(read, shape, box, rotations, skip)
            return
        for one in self.plan(shape, tile, box):
            if one.number in skip:
                continue
            if known is not None:
                yield one, known[(slice(None), *(slice(*span) for span in one.output))]
            else:
                yield one, self._tile(one, read, shape, rotations)

    def reads(
        self,
        shape: Sizes,
        tile: int | Sizes | None = None,
        box: Box | None = None,
        skip: Collection[int] = (),
    ) -> list[Box]:
        """The boxes that ``tiles`` asks ``read`` for, in this order, while memory lasts."""
        if not self.geometry.tile_exact:
            inputs = Windows(shape, self.geometry).inputs(box or _whole(shape), skip)
        else:
            plan = self.plan(shape, tile, box)
            inputs = [self._needed(t).input for t in plan if t.number not in skip]
        return [box_to_read(one, shape) for one in inputs]

    def plan(
        self, shape: Sizes, tile: int | Sizes | None = None, box: Box | None = None
    ) -> list[Tile]:
        """The tiles that ``tiles`` will go through.

        A box that fits into one tile of the default size, or in 3D takes hardly more work than
        one, is predicted in one piece.
        """
        if not self.geometry.tile_exact:
            check_tile(tile)
            return Windows(shape, self.geometry).cells(box or _whole(shape))
        if tile is None and box is None and (large := self._large_tile(shape)) is not None:
            tile = large
        elif tile is None:
            tile = self._default_tile(shape)
            if box is not None:
                sides = tuple(b - a for a, b in box)
                if self._default_tile(sides) == sides or (
                    len(sides) == 3 and self._read(sides) <= 1.5 * self._read(tile)
                ):
                    tile = shape
        return plan_tiles(shape, self.geometry, tile, box)

    def _default_tile(self, shape: Sizes) -> Sizes:
        return default_tile(shape, self.device, self.geometry.halo, self.size)

    def _large_tile(self, shape: Sizes) -> int | None:
        """Side of the tiles of a plane that is large, on the CPU; None: the usual one.

        Of a tile of 512 pixels with a halo of 112 the network reads twice as many pixels as it
        predicts, of one of 1024 half as many again. What is held meanwhile is about eight arrays of
        the first convolution's channels.
        """
        if self.device.type != "cpu" or self.dims != 2 or math.prod(shape) < LARGE:
            return None
        convolutions = (m for m in self.network.modules() if isinstance(m, nn.Conv2d))
        channels = max((m.out_channels for m in islice(convolutions, 2)), default=64)
        for side in LARGE_TILES:
            if 8 * 4 * channels * self._read((side, side)) <= LARGE_MEMORY:
                return side
        return None

    def _read(self, sides: Sizes) -> int:
        """Pixels that the network sees to predict a box of these sides in one piece."""
        seen = (self.size * (n + 2 * h) for n, h in zip(sides, self.geometry.halo, strict=True))
        return int(math.prod(seen))

    def probability(
        self,
        plane: npt.NDArray[np.float32],
        tile: int | Sizes | None = None,
        rotations: bool = False,
        box: Box | None = None,
    ) -> Array:
        """Probability (class, *spatial), or (class, *box), of a normalised plane (C, *spatial).

        Raises the errors of ``tiles``.
        """
        shape = plane.shape[1:]
        whole = box or _whole(shape)

        def read(piece: Box) -> npt.NDArray[np.float32]:
            return plane[(slice(None), *(slice(*span) for span in piece))]

        return _assemble(whole, self.tiles(read, shape, tile, whole, rotations))

    def region(self, read: Read, shape: Sizes, box: Box, tile: int | Sizes | None = None) -> Array:
        """Probability (class, *box) of a part of an image of ``shape`` that is read piece by piece.

        Raises the errors of ``tiles``.
        """
        return _assemble(box, self.tiles(read, shape, tile, box))

    def _blended(
        self,
        read: Read,
        shape: Sizes,
        box: Box | None,
        rotations: bool,
        skip: Collection[int],
    ) -> Iterator[tuple[Tile, Array]]:
        def predict(window: Box) -> Array:
            try:
                pixels = read_mirrored(read, window, shape)
                return self._probability(pixels, None, rotations).cpu().numpy()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            free_memory(self.device)
            raise UserError(
                f"There is not enough memory on {self.device.type} to predict a window of "
                f"{' x '.join(str(b - a) for a, b in window)} pixels, and this network cannot do "
                f"with smaller ones: close other programs, or use a smaller network or another "
                f"device."
            )

        yield from Windows(shape, self.geometry).blend(box or _whole(shape), predict, skip)

    def _tile(self, tile: Tile, read: Read, shape: Sizes, rotations: bool) -> Array:
        sides = tuple(b - a for a, b in tile.output)
        if self._largest is None or self._longest_cut(sides, self._largest) is None:
            try:
                return self._whole_tile(tile, read, shape, rotations)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Out of the except clause, so that nothing holds on to the tensors of the attempt.
            self._halve(sides)
        assert self._largest is not None
        pieces = plan_tiles(shape, self.geometry, self._largest, tile.output)
        return _assemble(
            tile.output, ((piece, self._tile(piece, read, shape, rotations)) for piece in pieces)
        )

    def _longest_cut(self, sides: Sizes, tile: int) -> int | None:
        """The longest side of a box that tiles of this side cut; None: they leave it whole.

        A network with valid convolutions makes a little more than a multiple of its stride, and a
        side up to that is left whole, for which it needs no more memory.
        """
        made = self.geometry.output_size((tile,) * len(sides))
        return max((n for n, m in zip(sides, made, strict=True) if n > m), default=None)

    def _halve(self, sides: Sizes) -> None:
        free_memory(self.device)
        stride = max(self.geometry.stride)
        side = self._longest_cut(sides, stride)
        if side is None:
            raise UserError(
                f"There is not enough memory on {self.device.type} to predict even a tile of "
                f"{max(sides)} pixels: close other programs, or use a smaller network or another "
                f"device."
            )
        self._largest = max(stride, side // 2 // stride * stride)
        self.notes.append(
            f"Memory ran out: the prediction goes on with tiles of {self._largest} pixels."
        )

    def _whole_tile(self, tile: Tile, read: Read, shape: Sizes, rotations: bool) -> Array:
        tile = self._needed(tile)
        pixels = read_mirrored(read, tile.input, shape)
        margins = self._margins(tile, pixels.shape[1:])
        probability = self._probability(pixels, margins, rotations)
        crop = tuple(slice(a - m, b - m) for (a, b), m in zip(tile.crop, margins, strict=True))
        return probability[(slice(None), *crop)].cpu().numpy()

    def _needed(self, tile: Tile) -> Tile:
        """``tile`` without the part of its halo that none of its pixels can depend on."""
        more = [h - c for h, c in zip(self.geometry.halo, self.geometry.context, strict=True)]
        return replace(
            tile,
            input=tuple((a + n, b - n) for (a, b), n in zip(tile.input, more, strict=True)),
            crop=tuple((a - n, b - n) for (a, b), n in zip(tile.crop, more, strict=True)),
        )

    def _margins(self, tile: Tile, size: Sequence[int]) -> Sizes:
        """What the network may leave out on each side, by axis: multiples of the stride.

        0 for networks whose ``forward`` has no argument ``margin``; the same along all axes where
        the strides are the same.
        """
        stride = self.geometry.stride
        if not (self.geometry.padded and takes_margin(self.network)):
            return (0,) * len(stride)
        unwanted = [min(a, n - b) for (a, b), n in zip(tile.crop, size, strict=True)]
        if len(set(stride)) == 1:
            unwanted = [min(unwanted)] * len(stride)
        return tuple(n // s * s for n, s in zip(unwanted, stride, strict=True))

    def _views(self) -> list[View]:
        """Without quarter turns where the network treats y and x differently: nothing would fit."""
        sizes = self.geometry
        alike = all(len(set(one[-2:])) == 1 for one in (sizes.stride, sizes.halo, sizes.base))
        return [view for view in VIEWS if alike or view.turns % 2 == 0]

    @torch.inference_mode()
    def _probability(
        self, pixels: npt.NDArray[np.float32], margins: Sizes | None, rotations: bool
    ) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32))[None].to(self.device)
        keywords: dict[str, int | Sizes] = {}
        if margins is not None and any(margins):
            keywords["margin"] = margins[0] if len(set(margins)) == 1 else margins
        views = self._views() if rotations else VIEWS[:1]
        total: Tensor | None = None
        for view in views:
            turned = view.apply(x).contiguous(memory_format=self._layout)
            with autocast(self.device, self.precision):
                logits = self._run(turned, **keywords)
            part = view.undo(torch.softmax(logits.float(), 1))
            total = part if total is None else total + part
        assert total is not None
        return total[0] / len(views)


def _whole(shape: Sizes) -> Box:
    return tuple((0, n) for n in shape)


def _assemble(box: Box, parts: Iterator[tuple[Tile, Array]]) -> Array:
    """One array (class, *box) from tiles that cover ``box``."""
    whole: Array | None = None
    for tile, probability in parts:
        if whole is None:
            whole = np.empty((len(probability), *(b - a for a, b in box)), np.float32)
        place = tuple(
            slice(a - start, b - start) for (a, b), (start, _) in zip(tile.output, box, strict=True)
        )
        whole[(slice(None), *place)] = probability
    assert whole is not None
    return whole
