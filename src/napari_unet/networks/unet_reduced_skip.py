"""UNet--, Yin, Tao, Zhao, Ito, Osa, Kato and Chen 2024 (ACCV, arXiv 2412.18276), on a U-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    BATCH_NORM,
    CONVOLUTION,
    EncoderDecoder,
    Margin,
    Norm,
    he_initialise,
)

SHARE = 15
"""The aggregated map holds at most a fifteenth of what the skip connections of a U-Net hold.

That is the reduction by 93.3 % that the paper reports for four skip connections.
"""


class UNetReducedSkip(EncoderDecoder):
    """A U-Net that remembers one small map instead of one for each skip connection.

    Aggregation (MSIAM in the paper): what leaves a level of the contracting path is reduced in
    channels by a 1x1 convolution at once, resized to the scale of the lowest skip connection, and
    forgotten. The resized maps of all levels are concatenated and fused by a 1x1 convolution.
    Enhancement (IEM): when the expansive path comes to a level, the one map is brought to this
    level's scale by a 1x1 convolution and a resizing, and enhanced to the level's channels by a 3x3
    convolution with normalisation and ReLU; it takes the place of the skip connection.

    Resizing is pixel unshuffling and shuffling, which the paper names among its ways: it moves
    pixels into channels and back, so that fine detail is not averaged away. All of it is local and
    keeps to the grid of the poolings.

    What falls is the memory that is held from the contracting to the expansive path, by at least
    93.3 % (``benchmarks/skip_memory.py``); the convolutions at full resolution need what they need
    in a U-Net. So does training, which keeps all maps for the backward pass.

    Reconstructed: the paper puts its modules into NAFNet, a network for restoring images, and there
    is no code. Known were the abstract and a summary of the steps of the aggregation; the inside of
    the enhancement, the scale and the channels were not. The aggregated map has the scale and at
    most the channels of the lowest skip connection, which with four levels in 2D is exactly the
    fifteenth that the paper reports. Each level gets about the same share of the channels to be
    fused. Blocks, poolings and up-convolutions are those of U-Net; ``width`` 32 is one of NAFNet's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 32,
        depth: int = 4,
        norm: Norm = "batch",
    ) -> None:
        widths = [width * 2**level for level in range(depth + 1)]
        super().__init__(in_channels, out_channels, widths, dims=dims, padding="same", norm=norm)
        convolution = CONVOLUTION[dims]
        self.factors = [2 ** (depth - 1 - level) for level in range(depth)]
        aggregated = aggregated_channels(width, depth, dims)
        self.reduce = nn.ModuleList()
        self.restore = nn.ModuleList()
        self.enhance = nn.ModuleList()
        joined = 0
        for channels, factor in zip(widths, self.factors, strict=False):
            pixels = factor**dims
            reduced = max(1, aggregated // (depth * pixels))
            joined += reduced * pixels
            self.reduce.append(convolution(channels, reduced, 1))
            restored = max(1, aggregated // pixels)
            self.restore.append(convolution(aggregated, restored * pixels, 1))
            layers: list[nn.Module] = [
                convolution(restored, channels, 3, padding=1, bias=norm == "none")
            ]
            if norm == "batch":
                layers.append(BATCH_NORM[dims](channels))
            self.enhance.append(nn.Sequential(*layers, nn.ReLU(inplace=True)))
        self.fuse = convolution(joined, aggregated, 1)
        he_initialise(self)

    def forward(self, x: Tensor, margin: Margin = 0) -> Tensor:
        """Logits for ``x``, without ``margin`` pixels on each side; see ``EncoderDecoder``."""
        *upper, lowest = self.contracting
        reduced: list[Tensor] = []
        for block, pool, reduce, factor in zip(
            upper, self.pool, self.reduce, self.factors, strict=True
        ):
            x = block(x)
            reduced.append(_to_channels(reduce(x), factor))
            x = pool(x)  # the map of this level is gone
        aggregated = self.fuse(torch.cat(reduced, 1))
        reduced.clear()
        x = lowest(x)

        def skip(level: int) -> Tensor:
            restored = _to_pixels(self.restore[level](aggregated), self.factors[level])
            enhanced: Tensor = self.enhance[level](restored)
            return enhanced

        return self.expand(x, skip, self.lowest(margin))


def aggregated_channels(width: int, depth: int, dims: int) -> int:
    """Channels of the aggregated map, at the scale of the lowest skip connection.

    A fifteenth of the values of all skip connections, and no more than the lowest of these has; at
    least one.
    """
    widths = [width << level for level in range(depth)]
    # Values for each pixel of the lowest skip connection.
    values = sum(w << dims * (depth - 1 - level) for level, w in enumerate(widths))
    return max(1, min(widths[-1], values // SHARE))


def _to_channels(x: Tensor, factor: int) -> Tensor:
    """Pixel unshuffle: (B, C, factor * n, ..) to (B, C * factor ** dims, n, ..)."""
    batch, channels, *sizes = x.shape
    dims = len(sizes)
    x = x.reshape(batch, channels, *(part for n in sizes for part in (n // factor, factor)))
    outer, inner = range(2, 2 + 2 * dims, 2), range(3, 3 + 2 * dims, 2)
    x = x.permute(0, 1, *inner, *outer)
    return x.reshape(batch, channels * factor**dims, *(n // factor for n in sizes))


def _to_pixels(x: Tensor, factor: int) -> Tensor:
    """Pixel shuffle, the inverse: (B, C * factor ** dims, n, ..) to (B, C, factor * n, ..)."""
    batch, channels, *sizes = x.shape
    dims = len(sizes)
    left = channels // factor**dims
    x = x.reshape(batch, left, *[factor] * dims, *sizes)
    pairs = (axis for a in range(dims) for axis in (2 + dims + a, 2 + a))
    x = x.permute(0, 1, *pairs)
    return x.reshape(batch, left, *(n * factor for n in sizes))
