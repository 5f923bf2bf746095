"""Grey values to the range a network is fed with; never dependent on the tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.images.axes import Box, Index
from napari_unet.images.image import Image

Constants = tuple[float, ...]

PERCENTILES = (1.0, 99.0)
SAMPLE = 2**20
"""Pixels of an image, at most about, that percentiles are computed from."""
READ = 2**24
"""Pixels of an image, at most about, that are read to draw the sample."""
PLANES = 32
"""Leading positions, at most, that the sample is drawn from."""
BLOCKS = 8
"""Blocks by axis where not all can be read: few and large, since files are compressed in chunks."""
AGREEMENT = 0.25
"""Ranges agree when their ends differ by no more than this part of the pooled range."""

LONGER, SHORTER = 4.0, 10.0
"""A range that is so many times as long as that of the training, or as short, hardly means the
same. Dark images and means over pixels are often a few times as short."""


@dataclass(frozen=True)
class Normalisation:
    """How grey values become the network's input; ``low`` and ``high`` by channel.

    ``training``: these constants hold for every image. ``image``: each image has constants of its
    own (:meth:`for_image`); those kept here are the means over the training images.
    ``mark_missing``, for networks that can do without some of their channels: channels of an image
    without two different values count as missing and become NaN.
    """

    method: Literal["training", "image"]
    low: Constants
    high: Constants
    mark_missing: bool = False
    missing: tuple[bool, ...] = ()
    """By channel, once it is known for which image; empty = none."""

    def for_image(self, image: Image, index: Index = ()) -> Normalisation:
        """The constants to apply to ``image``.

        With the method ``image`` they come from the whole array, all planes together, so that they
        are the same for every ``index`` and tile. Which channels are missing is a matter of the
        whole array too.
        """
        if self.method == "training" and not self.mark_missing:
            return self
        low, high = percentiles(image)
        known = self if self.method == "training" else replace(self, low=low, high=high)
        if not self.mark_missing:
            return known
        return replace(known, missing=tuple(a >= b for a, b in zip(low, high, strict=True)))

    def doubts(self, image: Image) -> str | None:
        """A sentence where ``image`` has other grey values than the training images; else None.

        Only of constants that hold for every image: they then leave hardly anything to see, as
        with images of 16 bits after a training on 8.
        """
        if self.method == "image":
            return None
        for channel, (low, high, first, last) in enumerate(
            zip(self.low, self.high, *percentiles(image), strict=False)
        ):
            known, found = high - low, last - first
            apart = first >= high or last <= low
            if min(known, found) <= 0:  # nothing can be seen in it anyway
                continue
            if apart or found > LONGER * known or SHORTER * found < known:
                which = f" in channel {channel}" if len(self.low) > 1 else ""
                a, b, c, d = (f"{float(f'{value:.4g}'):g}" for value in (first, last, low, high))
                return (
                    f"Its grey values{which} ({a} to {b}, percentiles 1 and 99) are far from those "
                    f"that the model was trained with ({c} to {d}): bring the image to their "
                    "scale, or train with images like it."
                )
        return None

    def apply(self, plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(C, *spatial) of any real dtype to float32: ``low`` becomes -1, ``high`` +1, linearly.

        Channels with ``low == high`` become 0, and so do NaN and infinite pixels; channels that
        are marked as missing become NaN as a whole.

        Raises
        ------
        UserError
            Another number of channels than this normalisation was made for.
        """
        if plane.shape[0] != len(self.low):
            raise UserError(
                f"The image has {plane.shape[0]} channels, but {len(self.low)} were expected: "
                "use images with the same channels as in training."
            )
        # float32 holds integers of up to 16 bits exactly; larger ones and float64 need more.
        small = plane.dtype.itemsize <= 2 or plane.dtype == np.float32
        work = np.float32 if small else np.float64
        result = np.zeros(plane.shape, np.float32)
        for out, channel, low, high in zip(result, plane, self.low, self.high, strict=True):
            if high <= low:
                continue
            # Huge values may overflow; what is not finite in the end counts as missing.
            with np.errstate(over="ignore", invalid="ignore"):
                values = channel.astype(work)
                values -= work(low)
                values *= work(2 / (high - low))
                values -= work(1)
                out[...] = values
            out[~np.isfinite(out)] = 0
        result[[n for n, gone in enumerate(self.missing) if gone]] = np.nan
        return result


def percentiles(image: Image) -> tuple[Constants, Constants]:
    """Percentiles 1 and 99 of each channel, over all planes together: ``(low, high)``.

    Computed from a fixed sample: the same image gives the same numbers. At most ``PLANES`` planes,
    evenly spread, are read; of these all pixels or an even grid of blocks, about ``READ`` pixels in
    all, of which every k-th is taken. NaN and infinite pixels do not count; without any other pixel
    both are 0. Where the percentiles coincide (less than 1 % foreground on a constant background),
    the smallest and the largest value of the sample stand in for them. The numbers are kept as long
    as the :class:`Image` lives, since every plane and every preview asks for them again.
    """
    if image not in _KNOWN:
        _KNOWN[image] = _percentiles(image)
    return _KNOWN[image]


_KNOWN: WeakKeyDictionary[Image, tuple[Constants, Constants]] = WeakKeyDictionary()


def _percentiles(image: Image) -> tuple[Constants, Constants]:
    low, high = [], []
    for values in _sample(image):
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size == 0:
            ends = (0.0, 0.0)
        else:
            if finite.dtype.itemsize < 4:  # float16 would overflow in between
                finite = finite.astype(np.float32)
            first, last = np.percentile(finite, PERCENTILES)
            ends = (first, last) if first < last else (finite.min(), finite.max())
        low.append(float(ends[0]))
        high.append(float(ends[1]))
    return tuple(low), tuple(high)


def choose_normalisation(images: Sequence[Image], *, mark_missing: bool = False) -> Normalisation:
    """Constants for a model that is trained on ``images``.

    The method is ``training`` when all images have the same dtype and their ranges agree: in every
    channel, low and high of each image lie within a quarter of the pooled range (mean of the highs
    minus mean of the lows) of the mean low and the mean high. Otherwise one set of constants cannot
    suit all images, and the method is ``image``. With ``mark_missing`` channels that are missing
    from an image have no say in theirs.

    Raises
    ------
    UserError
        The images differ in their number of channels.
    """
    first = images[0]
    for image in images:
        if image.channels != first.channels:
            raise UserError(
                f"{first.name} has {first.channels} channels and {image.name} {image.channels}: "
                "train on images with the same channels."
            )
    ends = np.array([percentiles(image) for image in images])  # (image, low or high, channel)
    there = np.ones_like(ends[:, 0], bool)
    if mark_missing:
        there = ends[:, 0] < ends[:, 1]
        there |= ~there.any(axis=0)  # missing from all: whatever it is
    known = np.broadcast_to(there[:, None], ends.shape)
    low, high = ends.mean(axis=0, where=known)
    agree = bool(((np.abs(ends - (low, high)) <= AGREEMENT * (high - low)) | ~known).all())
    same_type = len({np.dtype(image.data.dtype).newbyteorder("=") for image in images}) == 1
    method: Literal["training", "image"] = "training" if agree and same_type else "image"
    return Normalisation(method, tuple(low.tolist()), tuple(high.tolist()), mark_missing)


def _sample(image: Image) -> npt.NDArray[Any]:
    """(C, pixels): the fixed sample that :func:`percentiles` describes."""
    positions = list(image.indices())
    chosen = [positions[i] for i in _spread(len(positions), PLANES)]
    boxes = list(_sample_boxes(image.spatial_shape, READ // len(chosen)))
    pixels = len(chosen) * sum(int(np.prod([b - a for a, b in box])) for box in boxes)
    step = max(1, int(np.ceil((pixels / SAMPLE) ** (1 / image.dims))))
    stride = (slice(None), *(slice(None, None, step),) * image.dims)
    parts = [
        image.read(index, box)[stride].reshape(image.channels, -1)
        for index in chosen
        for box in boxes
    ]
    return np.concatenate(parts, axis=1)


def _spread(n: int, at_most: int) -> list[int]:
    """Up to ``at_most`` of the numbers 0 .. n - 1, evenly spread."""
    count = min(n, at_most)
    return [(2 * i + 1) * n // (2 * count) for i in range(count)]


def _sample_boxes(shape: tuple[int, ...], limit: float) -> Iterator[Box]:
    """The whole of ``shape``, or an even grid of blocks with about ``limit`` pixels in all."""
    spans: list[list[tuple[int, int]]] = [[] for _ in shape]
    # Short axes first: what they cannot give up, the longer ones must.
    order = sorted(range(len(shape)), key=lambda axis: shape[axis])
    for done, axis in enumerate(order):
        rest = float(np.prod([float(shape[a]) for a in order[done:]]))
        share = (limit / rest) ** (1 / (len(order) - done))
        n = shape[axis]
        centres = _spread(n, BLOCKS if share < 1 else 1)
        length = max(1, int(n / len(centres) * min(share, 1)))
        starts = [max(0, min(c - length // 2, n - length)) for c in centres]
        spans[axis] = [(start, start + length) for start in starts]
        limit /= length * len(centres)
    yield from product(*spans)
