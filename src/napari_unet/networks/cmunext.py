"""CMUNeXt, Tang et al. 2023 (arXiv 2308.01239)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import BATCH_NORM, CONVOLUTION, POOLING, he_initialise

LINEAR = {2: "bilinear", 3: "trilinear"}
EXPANSION = 4
"""Of the channels between the two 1x1 convolutions of a block."""


def _plain(in_channels: int, out_channels: int, *, dims: int) -> list[nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    return [
        CONVOLUTION[dims](in_channels, out_channels, 3, padding=1),
        BATCH_NORM[dims](out_channels),
        nn.ReLU(inplace=True),
    ]


def _unit(
    in_channels: int, out_channels: int, kernel: int, *, dims: int, groups: int = 1
) -> list[nn.Module]:
    """Convolution, GELU, batch normalisation: in this order, so that the bias matters."""
    return [
        CONVOLUTION[dims](in_channels, out_channels, kernel, padding=kernel // 2, groups=groups),
        nn.GELU(),
        BATCH_NORM[dims](out_channels),
    ]


def _inverted(in_channels: int, out_channels: int, *, dims: int) -> list[nn.Module]:
    """Two 1x1 convolutions with many channels between them."""
    wide = EXPANSION * out_channels
    return [*_unit(in_channels, wide, 1, dims=dims), *_unit(wide, out_channels, 1, dims=dims)]


class LargeKernelBlock(nn.Module):
    """x plus a depthwise convolution of it with a large kernel, then an inverted bottleneck."""

    def __init__(self, channels: int, kernel: int, *, dims: int) -> None:
        super().__init__()
        self.depthwise = nn.Sequential(
            *_unit(channels, channels, kernel, dims=dims, groups=channels)
        )
        self.mix = nn.Sequential(*_inverted(channels, channels, dims=dims))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.mix(self.depthwise(x) + x))


class CMUNeXt(nn.Module):
    """A U-Net with large depthwise kernels: 3,149,185 parameters for 3 channels and 1 class.

    A 3x3 convolution to ``width`` channels; on each level, after 2x2 max pooling, as many
    large-kernel blocks as ``blocks`` says, of the kernel that ``kernels`` says, and a 3x3
    convolution to ``multiples`` times ``width`` channels. On the way up bilinear doubling
    (``align_corners=False``) and a 3x3 convolution; the skip-fusion block joins its map with the
    skip connection, [skip, upsampled], by a 3x3 convolution of two groups, one for each, and an
    inverted bottleneck. As in the authors' code. In 3D, which the paper does not have, kernels are
    cubes and doubling is trilinear.

    Their small network is width 8, multiples (1, 2, 4, 8, 16), one block on each level, kernels
    (3, 3, 7, 7, 9); their large one width 32, the same multiples, blocks (1, 1, 1, 6, 3).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 16,
        multiples: Sequence[int] = (1, 2, 8, 10, 16),
        blocks: Sequence[int] = (1, 1, 1, 3, 1),
        kernels: Sequence[int] = (3, 3, 7, 7, 7),
    ) -> None:
        super().__init__()
        widths = [width * multiple for multiple in multiples]
        self.pool = POOLING[dims](2)
        self.first = nn.Sequential(*_plain(in_channels, widths[0], dims=dims))
        self.contracting = nn.ModuleList()
        self.up = nn.ModuleList()
        self.fusion = nn.ModuleList()
        channels = widths[0]
        for wide, count, kernel in zip(widths, blocks, kernels, strict=True):
            large = [LargeKernelBlock(channels, kernel, dims=dims) for _ in range(count)]
            self.contracting.append(nn.Sequential(*large, *_plain(channels, wide, dims=dims)))
            channels = wide
        for wide in reversed(widths[:-1]):
            self.up.append(
                nn.Sequential(
                    nn.Upsample(scale_factor=2, mode=LINEAR[dims], align_corners=False),
                    *_plain(channels, wide, dims=dims),
                )
            )
            self.fusion.append(
                nn.Sequential(
                    *_unit(2 * wide, 2 * wide, 3, dims=dims, groups=2),
                    *_inverted(2 * wide, wide, dims=dims),
                )
            )
            channels = wide
        self.head = CONVOLUTION[dims](channels, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channel, *spatial) to logits (B, class, *spatial)."""
        x = self.first(x)
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        skips.pop()
        for up, fusion in zip(self.up, self.fusion, strict=True):
            x = fusion(torch.cat([skips.pop(), up(x)], 1))
        return cast(Tensor, self.head(x))
