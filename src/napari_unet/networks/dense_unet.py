"""FC-DenseNet ("The One Hundred Layers Tiramisu"), Jegou et al. 2017 (arXiv 1611.09326)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    BATCH_NORM,
    CONVOLUTION,
    POOLING,
    he_initialise,
)
from napari_unet.networks.catalogue.dense_unet import blocks_and_growth
from napari_unet.networks.up_convolution import UP_CONVOLUTION


class DenseUNet(nn.Module):
    """A U-Net of dense blocks, in which each layer sees the maps of all layers before it.

    A layer is batch normalisation, ReLU, 3x3 convolution to ``growth`` channels and dropout. The
    contracting path: a 3x3 convolution to ``width`` channels, then dense blocks whose outputs join
    their inputs, each before a transition down (the same with a 1x1 convolution that keeps the
    channels, then 2x2 max pooling). The expansive path: of each block only what its layers made,
    without its input, is upsampled by a 3x3 transposed convolution of stride 2 and concatenated
    with the skip connection. A 1x1 convolution of all that the last block sees gives the logits.

    ``layers`` 56, 67 and 103 are the three networks of the paper: 4, 5 or 4, 5, 7, 10, 12, 15
    layers a block and growth 12, 16, 16. For 3 channels and 11 classes they have 1,376,795,
    3,463,243 and 9,322,091 parameters. With the running statistics of batch normalisation, which
    the released code counts too, that is 1,397,963, 3,502,923 and 9,425,163; the paper says 1.5,
    3.5 and 9.4 million. ``blocks`` (layers of each block, from the first to the lowest) and
    ``growth`` replace those of ``layers``.

    Deviations: of the 2n + 1 pixels that the transposed convolution makes of n the first is cut,
    where the released code cuts the last; weights are drawn from He's normal distribution, not his
    uniform one. 3D, which the paper does not have, is the same with 3x3x3 kernels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 48,
        layers: int = 103,
        blocks: Sequence[int] = (),
        growth: int = 0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        blocks, growth = blocks_and_growth(layers, blocks, growth)
        self.pool = POOLING[dims](2)
        self.first = CONVOLUTION[dims](in_channels, width, 3, padding=1)
        self.contracting = nn.ModuleList()
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        channels = width
        skips: list[int] = []
        for count in blocks[:-1]:
            self.contracting.append(DenseBlock(channels, growth, count, dims, dropout))
            channels += count * growth
            skips.append(channels)
            self.down.append(_layer(channels, channels, 1, dims, dropout))
        self.lowest = DenseBlock(channels, growth, blocks[-1], dims, dropout)
        made = blocks[-1] * growth
        for count, skip in zip(reversed(blocks[:-1]), reversed(skips), strict=True):
            self.up.append(
                UP_CONVOLUTION[dims](made, made, 3, stride=2, padding=1, output_padding=1)
            )
            channels = made + skip
            self.expansive.append(DenseBlock(channels, growth, count, dims, dropout))
            made = count * growth
        self.head = CONVOLUTION[dims](channels + made, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the size of ``x``, whose sides are multiples of the stride."""
        x = self.first(x)
        skips: list[Tensor] = []
        for block, down in zip(self.contracting, self.down, strict=True):
            skip = torch.cat([x, block(x)], 1)
            skips.append(skip)
            x = self.pool(down(skip))
        made = self.lowest(x)
        for up, block in zip(self.up, self.expansive, strict=True):
            x = torch.cat([up(made), skips.pop()], 1)
            made = block(x)
        return cast(Tensor, self.head(torch.cat([x, made], 1)))


class DenseBlock(nn.Module):
    """``count`` layers, each of which sees the input and the maps of those before it.

    (B, ``channels``, *spatial) becomes (B, ``count * growth``, *spatial): what the layers made.
    """

    def __init__(self, channels: int, growth: int, count: int, dims: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _layer(channels + i * growth, growth, 3, dims, dropout) for i in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The new maps, without the input."""
        made: list[Tensor] = []
        for layer in self.layers:
            made.append(layer(torch.cat([x, *made], 1)))
        return torch.cat(made, 1)


def _layer(channels: int, out: int, kernel: int, dims: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        BATCH_NORM[dims](channels),
        nn.ReLU(inplace=True),
        CONVOLUTION[dims](channels, out, kernel, padding=kernel // 2),
        nn.Dropout(dropout),
    )
