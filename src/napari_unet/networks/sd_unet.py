"""SD-UNet, Gadosey et al. 2020 (Diagnostics 10(2):110)."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import CONVOLUTION, POOLING, he_initialise
from napari_unet.networks.standardised import STANDARDISED_CONVOLUTION, group_norm


def _separable(
    in_channels: int, out_channels: int, *, dims: int, standardised: bool
) -> list[nn.Module]:
    """A depthwise 3x3 convolution, its weights ``standardised`` or not, a 1x1 one, ReLU."""
    depthwise = (STANDARDISED_CONVOLUTION if standardised else CONVOLUTION)[dims]
    return [
        depthwise(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        CONVOLUTION[dims](in_channels, out_channels, 1),
        nn.ReLU(inplace=True),
    ]


def _full(in_channels: int, out_channels: int, *, dims: int) -> list[nn.Module]:
    """An ordinary 3x3 convolution and ReLU."""
    return [
        CONVOLUTION[dims](in_channels, out_channels, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),
    ]


class SDUNet(nn.Module):
    """A U-Net of depthwise separable convolutions: an eighth of its parameters.

    Only the first convolution of all is a full one. A level is two separable convolutions, each
    with ReLU, and *one* group normalisation after them; the depthwise filters are standardised.
    On the way up maps are doubled (nearest neighbour) and pass a separable convolution, which
    halves their channels, before the skip connection joins them. Dropout ends the last level
    before the lowest, and what it drops is dropped from the skip connection too.

    The paper has neither a table of layers nor code. Reconstructed from its text, its statement of
    8 times fewer parameters, and the U-Net it strips: ReLU and a group normalisation follow the
    separable convolution of each step up, no 3x3 convolution has a bias, all 1x1 have one, and two
    convolutions stand on the first level as on all others (of which the text names the first). At
    width 64, one channel in and out, that makes 3,918,785 parameters, 7.9 times fewer than the
    31,030,593 of U-Net. Dropout is that of U-Net, groups are those of Wu and He.

    Not in the paper: ``standardised=False`` leaves the depthwise filters as they are. Standardised
    filters have mean 0 and see edges only; how bright a region is has to be learnt from those.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 64,
        depth: int = 4,
        groups: int = 32,
        dropout: float = 0.5,
        standardised: bool = True,
    ) -> None:
        super().__init__()
        separable = partial(_separable, dims=dims, standardised=standardised)
        self.pool = POOLING[dims](2)
        self.contracting = nn.ModuleList()
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        widths = [width * 2**level for level in range(depth + 1)]
        channels = in_channels
        for level, wide in enumerate(widths):
            first = partial(_full, dims=dims) if level == 0 else separable
            block = nn.Sequential(*first(channels, wide), *separable(wide, wide))
            block.append(group_norm(wide, groups))
            if dropout > 0 and level == depth - 1:
                block.append(nn.Dropout(dropout))
            self.contracting.append(block)
            channels = wide
        for wide in reversed(widths[:-1]):
            self.up.append(
                nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="nearest"),
                    *separable(channels, wide),
                    group_norm(wide, groups),
                )
            )
            self.expansive.append(
                nn.Sequential(
                    *separable(2 * wide, wide),
                    *separable(wide, wide),
                    group_norm(wide, groups),
                )
            )
            channels = wide
        self.head = CONVOLUTION[dims](channels, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channel, *spatial) to logits (B, class, *spatial)."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.expansive, strict=True):
            x = block(torch.cat([up(x), skips.pop()], 1))
        return cast(Tensor, self.head(x))
