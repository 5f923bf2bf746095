"""TransUNet, Chen et al. 2021 (arXiv 2102.04306)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks.blocks import he_initialise
from napari_unet.networks.standardised import StandardisedConv2d, group_norm
from napari_unet.networks.transformer import EPSILON, TransformerLayer, xavier_initialise

GROUPS = 32


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, standardised and group-normalised, plus x, and ReLU.

    Where the shape changes x passes a 1x1 convolution and a normalisation of each channel.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int = 1) -> None:
        super().__init__()
        out = 4 * channels
        self.residual = nn.Sequential(
            StandardisedConv2d(in_channels, channels, 1, bias=False),
            group_norm(channels, GROUPS, EPSILON),
            nn.ReLU(inplace=True),
            StandardisedConv2d(channels, channels, 3, stride=stride, padding=1, bias=False),
            group_norm(channels, GROUPS, EPSILON),
            nn.ReLU(inplace=True),
            StandardisedConv2d(channels, out, 1, bias=False),
            group_norm(out, GROUPS, EPSILON),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out:
            self.shortcut = nn.Sequential(
                StandardisedConv2d(in_channels, out, 1, stride=stride, bias=False),
                nn.GroupNorm(out, out),
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.relu(self.shortcut(x) + self.residual(x)))


class ResNetStem(nn.Module):
    """The first three stages of a ResNet-50 with group normalisation: (B, C, H, W) to 1/16.

    ``width`` channels after the 7x7 convolution, 4, 8 and 16 times as many after the stages, which
    have ``blocks`` bottlenecks.
    """

    def __init__(self, in_channels: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.root = nn.Sequential(
            StandardisedConv2d(in_channels, width, 7, stride=2, padding=3, bias=False),
            group_norm(width, GROUPS, EPSILON),
            nn.ReLU(inplace=True),
        )
        self.pool = nn.MaxPool2d(3, stride=2)
        self.stages = nn.ModuleList()
        before = width
        for stage, count in enumerate(blocks):
            middle = width * 2**stage
            rest = [Bottleneck(4 * middle, middle) for _ in range(count - 1)]
            first = Bottleneck(before, middle, stride=1 if stage == 0 else 2)
            self.stages.append(nn.Sequential(first, *rest))
            before = 4 * middle

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The map of 1/16, and the skip connections of 1/2, 1/4 and 1/8.

        As the pooling does not pad, the map of 1/4 lacks its last row and column; the skip
        connection has zeros there.
        """
        x = self.root(x)
        skips = [x]
        x = self.stages[0](self.pool(x))
        skips.append(functional.pad(x, (0, 1, 0, 1)))
        x = self.stages[1](x)
        skips.append(x)
        return self.stages[2](x), skips


def _plain(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


class TransUNet(nn.Module):
    """ResNet-50, ViT-B/16 on its map of 1/16, and a U-Net's expansive path.

    105,277,081 parameters for 3 channels, 9 classes and an ``image_size`` of 224. A 1x1
    convolution makes ``dim`` channels of the stem's map, whose pixels are the tokens of
    ``layers`` transformer layers with ``heads`` heads and ``mlp`` hidden units. A 3x3 convolution
    brings them to 8 times ``width`` channels; four times the map is doubled (bilinear, corners
    aligned), joined with a skip connection of the stem (none at full resolution), and passes two
    3x3 convolutions with batch normalisation to the channels of ``decoder``; a 3x3 convolution
    ends it. As in the authors' code.

    The position embeddings are made for ``image_size`` and resized bilinearly for other sizes,
    all of which are multiples of 16 and at least 32.

    The published results rest on weights from ImageNet-21k (R50 + ViT-B/16), which are not loaded
    here: as published, and from scratch, it learns slowly and needs many images. Other deviations:
    any number of input channels instead of grey repeated into three, and position embeddings that
    begin as N(0, 0.02) rather than 0, as they do in ViT.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 9),
        dim: int = 768,
        layers: int = 12,
        heads: int = 12,
        mlp: int = 3072,
        decoder: Sequence[int] = (256, 128, 64, 16),
        image_size: int = 224,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = ResNetStem(in_channels, width, blocks)
        self.embed = nn.Conv2d(16 * width, dim, 1)
        grid = -(-image_size // 16)
        self.positions = nn.Parameter(torch.empty(1, dim, grid, grid))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            *(TransformerLayer(dim, heads, mlp, dropout) for _ in range(layers)),
            nn.LayerNorm(dim, eps=EPSILON),
        )
        self.bridge = nn.Sequential(*_plain(dim, 8 * width))
        self.up = nn.UpsamplingBilinear2d(scale_factor=2)
        self.expansive = nn.ModuleList()
        channels = 8 * width
        for skip, wide in zip((8 * width, 4 * width, width, 0), decoder, strict=True):
            self.expansive.append(
                nn.Sequential(*_plain(channels + skip, wide), *_plain(wide, wide))
            )
            channels = wide
        self.head = nn.Conv2d(channels, out_channels, 3, padding=1)
        he_initialise(self)
        xavier_initialise(self)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channel, H, W) to logits (B, class, H, W)."""
        x, skips = self.stem(x)
        x = self.embed(x)
        size = x.shape[2:]
        # At the size that they are made for this changes nothing.
        positions = functional.interpolate(
            self.positions, size=size, mode="bilinear", align_corners=False
        )
        tokens = self.layers(self.dropout(x + positions).flatten(2).transpose(1, 2))
        x = self.bridge(tokens.transpose(1, 2).unflatten(2, size))
        for block in self.expansive:
            x = self.up(x)
            x = block(torch.cat([x, skips.pop()], 1) if skips else x)
        return cast(Tensor, self.head(x))
