"""What a network does to sizes: stride, reach, halo. Free of torch.

Terms, all in pixels and by axis (y, x) or (z, y, x):

stride
    Total stride, the product of all poolings. Shifting the input by it shifts the output by it.
reach
    One-sided receptive field: an output pixel depends on no input pixel farther away than this.
border
    Pixels that a network with valid convolutions consumes on each side (92 for U-Net 2015);
    0 for networks that pad.
halo
    Margin of real input that a tile needs around its output so that the tiled result equals the
    untiled one: ``border`` for valid networks, ``reach`` rounded up to the stride for padded ones.
"""

from __future__ import annotations

from dataclasses import dataclass

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """Sizes of one configured network.

    ``base`` is the smallest output size; all output sizes that the network can make without
    cropping are ``base + k * stride`` (4 + 16 k for U-Net 2015, k * stride for padded networks,
    whose ``base`` equals their stride).
    """

    stride: Sizes
    reach: Sizes
    border: Sizes
    base: Sizes
    tile_exact: bool = True

    @property
    def receptive_field(self) -> Sizes:
        """Theoretical receptive field, 2 * reach + 1."""
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
