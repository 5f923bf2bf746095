"""U-Lite, Dinh et al. 2023 (arXiv 2306.16103)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import BATCH_NORM, CONVOLUTION, POOLING, he_initialise


class AxialConvolution(nn.Module):
    """x plus, for each axis, a depthwise convolution along it: 7x1 and 1x7 in place of 7x7."""

    def __init__(self, channels: int, kernel: int, *, dims: int, dilation: int = 1) -> None:
        super().__init__()
        self.along = nn.ModuleList()
        for axis in range(dims):
            size: Any = tuple(kernel if a == axis else 1 for a in range(dims))
            padding: Any = tuple(kernel // 2 * dilation if a == axis else 0 for a in range(dims))
            self.along.append(
                CONVOLUTION[dims](
                    channels,
                    channels,
                    size,
                    padding=padding,
                    dilation=dilation,
                    groups=channels,
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for convolution in self.along:
            total = total + convolution(x)
        return total


class Bottleneck(nn.Module):
    """A quarter of the channels, and 3-long axial convolutions of it with growing dilation."""

    def __init__(self, channels: int, dilations: Sequence[int], *, dims: int) -> None:
        super().__init__()
        few = max(1, channels // (1 + len(dilations)))
        joined = few * (1 + len(dilations))
        self.narrow = CONVOLUTION[dims](channels, few, 1)
        self.dilated = nn.ModuleList(
            AxialConvolution(few, 3, dims=dims, dilation=d) for d in dilations
        )
        self.widen = nn.Sequential(
            BATCH_NORM[dims](joined), CONVOLUTION[dims](joined, channels, 1), nn.GELU()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        return cast(Tensor, self.widen(torch.cat([x, *(d(x) for d in self.dilated)], 1)))


class ULite(nn.Module):
    """A U-Net of axial depthwise convolutions: 878,417 parameters for 3 channels and 1 class.

    A 7x7 convolution to ``width`` channels; on each level an axial convolution and batch
    normalisation, which give the skip connection, then a 1x1 convolution that doubles the channels,
    2x2 max pooling and GELU; a bottleneck of dilated axial convolutions; on the way up doubling
    (nearest neighbour), concatenation as [upsampled, skip], a 1x1 convolution, batch
    normalisation, an axial and a 1x1 convolution, and GELU. As in the authors' code. In 3D, which
    the paper does not have, a third axis is added to the first two.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 16,
        depth: int = 5,
        kernel: int = 7,
        dilations: Sequence[int] = (1, 2, 3),
    ) -> None:
        super().__init__()
        convolution, norm = CONVOLUTION[dims], BATCH_NORM[dims]
        widths = [width * 2**level for level in range(depth + 1)]
        self.first = convolution(in_channels, width, kernel, padding=kernel // 2)
        self.contracting = nn.ModuleList()
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        for wide in widths[:-1]:
            self.contracting.append(
                nn.Sequential(AxialConvolution(wide, kernel, dims=dims), norm(wide))
            )
            self.down.append(
                nn.Sequential(convolution(wide, 2 * wide, 1), POOLING[dims](2), nn.GELU())
            )
        self.bottleneck = Bottleneck(widths[-1], dilations, dims=dims)
        for wide in reversed(widths[:-1]):
            self.up.append(nn.Upsample(scale_factor=2, mode="nearest"))
            self.expansive.append(
                nn.Sequential(
                    convolution(3 * wide, wide, 1),
                    norm(wide),
                    AxialConvolution(wide, kernel, dims=dims),
                    convolution(wide, wide, 1),
                    nn.GELU(),
                )
            )
        self.head = convolution(width, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channel, *spatial) to logits (B, class, *spatial)."""
        x = self.first(x)
        skips: list[Tensor] = []
        for block, down in zip(self.contracting, self.down, strict=True):
            skips.append(block(x))
            x = down(skips[-1])
        x = self.bottleneck(x)
        for up, block in zip(self.up, self.expansive, strict=True):
            x = block(torch.cat([up(x), skips.pop()], 1))
        return cast(Tensor, self.head(x))
