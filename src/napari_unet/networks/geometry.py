"""What a network does to sizes: stride, reach, halo. Free of torch.

Terms, all in pixels and by axis (y, x) or (z, y, x):

stride
    Total stride, the product of all poolings. Shifting the input by it shifts the output by it.
reach
    One-sided receptive field: an output pixel depends on no input pixel farther away than this.
    With poolings it differs between the pixels of one stride; this is the largest.
border
    Pixels that a network with valid convolutions consumes on each side (92 for U-Net 2015);
    0 for networks that pad.
halo
    Margin of real input that a tile needs around its output so that the tiled result equals the
    untiled one: ``border`` for valid networks, ``reach`` rounded up to the stride for padded ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from napari_unet.errors import UserError
from napari_unet.networks.anisotropy import Pooling, radii, usual_pooling

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """Sizes of one configured network.

    ``base`` is the smallest output size; all output sizes that the network can make without
    cropping are ``base + k * stride`` (4 + 16 k for U-Net 2015, k * stride for padded networks,
    whose ``base`` equals their stride).

    A network that is not ``tile_exact`` (statistics over the tile or attention over all of it at
    prediction, or resizing that depends on the size) is predicted in overlapping windows that are
    blended; ``window`` is their side where the network has a favourite, a multiple of the stride.
    """

    stride: Sizes
    reach: Sizes
    border: Sizes
    base: Sizes
    tile_exact: bool = True
    window: Sizes | None = None
    whole_strides: Sizes | None = None
    """How far pixels that fill whole strides depend on what lies around them, where known."""

    @property
    def receptive_field(self) -> Sizes:
        """Side of the window around an output pixel that holds all it can depend on.

        2 * reach + 1, valid for every pixel. A single pixel uses up to a stride less of it: one of
        U-Net 2015 sees 188 or 204 of these 215 pixels, depending on where it lies in the stride.
        """
        return tuple(2 * r + 1 for r in self.reach)

    @property
    def padded(self) -> bool:
        """True when the output is as large as the input."""
        return not any(self.border)

    @property
    def halo(self) -> Sizes:
        """Margin of input around the output of a tile, on each side."""
        if not self.padded:
            return self.border
        return tuple(-(-r // s) * s for r, s in zip(self.reach, self.stride, strict=True))

    @property
    def context(self) -> Sizes:
        """Margin of input that outputs of whole strides depend on: the halo, or less.

        The halo allows for the last pixel of a stride, which sees as far to the left as the first
        one but lies farther to the right. Where poolings tie all pixels of a stride to the same
        ones, that is a stride more than a tile needs, which begins and ends with whole strides.
        """
        if not self.padded or self.whole_strides is None:
            return self.halo
        return tuple(-(-r // s) * s for r, s in zip(self.whole_strides, self.stride, strict=True))

    @property
    def resizable(self) -> bool:
        """Whether images can be seen at other sizes, too: padded, tile-exact, in planes."""
        return self.padded and self.tile_exact and len(self.stride) == 2

    def at_two_sizes(self) -> Geometry:
        """Sizes of ``prediction.two_looks.TwoLooks``, which looks at half the size, too.

        Half the image must be cut at the stride, and interpolating it needs a pixel more around.
        What is needed around the output is consumed: the border is not 0.
        """
        far = tuple(r + 1 for r in self.reach)
        return replace(
            self,
            stride=tuple(2 * s for s in self.stride),
            reach=tuple(2 * r + 1 for r in far),
            border=tuple(2 * (-(-r // s) * s) for r, s in zip(far, self.stride, strict=True)),
            base=tuple(2 * s for s in self.stride),
        )

    def predicting(self, second_look: float) -> Geometry:
        """Sizes of what predicts with a second look of this share (0: none)."""
        return self.at_two_sizes() if second_look and self.resizable else self

    def enlarged(self, size: Fraction) -> Geometry:
        """Sizes of ``prediction.enlarging.Enlarged``, in pixels of the image as it is.

        Enlarged images must be cut at the stride, and interpolating needs 3 pixels around. What is
        needed around the output is consumed: the border is not 0.
        """
        up, down = size.numerator, size.denominator
        stride = tuple(math.lcm(up, s * down) // up for s in self.stride)
        far = tuple(-(-h * down // up) + 3 for h in self.halo)
        return replace(
            self,
            stride=stride,
            reach=tuple(-(-r * down // up) + 3 for r in self.reach),
            border=tuple(-(-f // s) * s for f, s in zip(far, stride, strict=True)),
            base=stride,
        )

    def output_size(self, at_least: Sizes) -> Sizes:
        """Smallest ``base + k * stride`` that is at least ``at_least``, by axis."""
        return tuple(
            b + max(0, -(-(n - b) // s)) * s
            for n, b, s in zip(at_least, self.base, self.stride, strict=True)
        )

    def input_size(self, output: Sizes) -> Sizes:
        """Input that a valid network needs for ``output``; for padded ones, ``output`` itself.

        A padded network returns an output of its input's size: the caller adds the halo to what it
        asks for and crops it afterwards.
        """
        return tuple(n + 2 * b for n, b in zip(output, self.border, strict=True))

    def check_input(self, size: Sizes) -> None:
        """Raise :class:`UserError` unless the network can take an input of exactly ``size``.

        Networks do not check this themselves, so that their ``forward`` can be traced.
        """
        if len(size) != len(self.stride):
            raise UserError(f"The network takes {len(self.stride)} spatial axes, got {len(size)}.")
        for n, b, s, m in zip(size, self.base, self.stride, self.border, strict=True):
            least = b + 2 * m
            if n < least or (n - least) % s:
                raise UserError(
                    f"The network cannot take an input of {' x '.join(map(str, size))}: along each "
                    f"axis it needs {least} pixels plus a multiple of {s}."
                )


def encoder_decoder_geometry(
    depth: int,
    dims: int,
    *,
    padded: bool,
    convolutions: int = 2,
    pooling: Pooling | None = None,
) -> Geometry:
    """Sizes of a U-Net with ``depth`` poolings and ``convolutions`` 3x3 a level.

    With 2x2 poolings a 3x3 convolution at level l (pixels of 2^l) needs 2^l more pixels on each
    side, and every level but the lowest has a contracting and an expansive half, hence the border

        c * (2 * (1 + 2 + ... + 2^(depth-1)) + 2^depth) = c * (3 * 2^depth - 2),

    which is 92 for U-Net 2015. Pooling and 2x2 up-convolution tie all pixels of one stride to the
    same pixel of the lowest level, so that the last of them reaches a stride - 1 farther.

    ``pooling`` replaces 2x2 (see ``anisotropy.py``): each axis is then followed for itself.
    """
    chosen = pooling or usual_pooling(depth, dims)
    sizes = [
        (
            [factors[axis] for factors in chosen],
            [convolutions * reached[axis] for reached in radii(chosen, dims)],
        )
        for axis in range(dims)
    ]
    axes = [_along(*one) for one in sizes]
    stride = tuple(s for s, _, _ in axes)
    return Geometry(
        stride=stride,
        reach=tuple(border + s - 1 for s, border, _ in axes),
        border=tuple(0 if padded else border for _, border, _ in axes),
        base=stride if padded else tuple(base for _, _, base in axes),
        whole_strides=tuple(_around_whole_strides(*one) for one in sizes),
    )


def _along(factors: Sequence[int], lost: Sequence[int]) -> tuple[int, int, int]:
    """Stride, border and smallest output of valid convolutions along one axis.

    ``lost``: pixels on each side that the convolutions of each level take, the lowest last.
    """
    scale, border = 1, 0
    for factor, loss in zip(factors, lost, strict=False):
        border += 2 * loss * scale
        scale *= factor
    border += lost[-1] * scale
    # m pixels of the lowest level become scale * m - less.
    less = 0
    for factor, loss in reversed(list(zip(factors, lost, strict=False))):
        less = factor * less + 2 * loss
    return scale, border, (-less - 1) % scale + 1


def _around_whole_strides(factors: Sequence[int], lost: Sequence[int]) -> int:
    """How far beyond itself one stride of pixels depends on the input, along one axis.

    Followed backwards through a padded network, whose poolings begin at pixel 0 of each level;
    the same to both sides.
    """
    first, last = 0, math.prod(factors) - 1
    for factor, loss in zip(factors, lost, strict=False):
        first, last = (first - loss) // factor, (last + loss) // factor
    first, last = first - lost[-1], last + lost[-1]
    for factor, loss in reversed(list(zip(factors, lost, strict=False))):
        first, last = factor * first - loss, factor * last + factor - 1 + loss
    return max(-first, last + 1 - math.prod(factors))
