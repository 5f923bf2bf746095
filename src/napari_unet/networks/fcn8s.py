"""FCN-8s, Long, Shelhamer and Darrell 2015 (arXiv 1411.4038)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    CONVOLUTION,
    POOLING,
    Norm,
    he_initialise,
)
from napari_unet.networks.catalogue.fcn8s import CONVOLUTIONS
from napari_unet.networks.stacks import stack
from napari_unet.networks.up_convolution import UP_CONVOLUTION


class FCN8s(nn.Module):
    """VGG-16 as a convolutional network, its scores refined by those of two finer layers.

    Five blocks of 2, 2, 3, 3 and 3 convolutions, each before a 2x2 max pooling, then ``fc6``, a
    7x7 convolution to 64 * ``width`` channels (4096 in the paper), and ``fc7``, a 1x1 convolution,
    both with dropout. 1x1 convolutions turn ``fc7``, ``pool4`` and ``pool3`` into one score a
    class; scores are upsampled x2, added, upsampled x2, added and upsampled x8 by transposed
    convolutions (4x4, 4x4, 16x16, without bias) that start as bilinear interpolation.
    134,489,759 parameters for 3 channels and 21 classes.

    Deviations. The paper pads the first convolution by 100 pixels, pads ``fc6`` by none and crops
    each sum at offsets of its own; here ``fc6`` is padded by 3 and the transposed convolutions by
    a quarter of their kernel, so that all maps lie exactly on each other and the output is as large
    as the input (multiples of 32). All three transposed convolutions learn; the paper fixes the
    last, its released code all. The paper starts from ImageNet weights, with scoring layers of
    zeros, and adds one finer layer at a time; here everything starts from He's initialisation and
    is trained at once.
    ``norm="batch"`` puts batch normalisation before each ReLU (those convolutions then have no
    bias), for training from scratch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 64,
        norm: Norm = "none",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        widths = [width * n for n in (1, 2, 4, 8, 8)]
        fully = 64 * width
        bias = norm == "none"
        convolution = CONVOLUTION[dims]
        self.pool = POOLING[dims](2)
        self.blocks = nn.ModuleList()
        channels = in_channels
        for count, wide in zip(CONVOLUTIONS, widths, strict=True):
            self.blocks.append(
                stack([channels, *[wide] * count], dims=dims, norm=norm, bias=bias),
            )
            channels = wide
        self.fc6 = stack([channels, fully], dims=dims, norm=norm, kernel=7, bias=bias)
        self.fc7 = stack([fully, fully], dims=dims, norm=norm, kernel=1, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.head_fc7 = convolution(fully, out_channels, 1)
        self.head_pool4 = convolution(widths[3], out_channels, 1)
        self.head_pool3 = convolution(widths[2], out_channels, 1)
        self.head_up_to_pool4 = _upsampling(out_channels, 2, dims)
        self.head_up_to_pool3 = _upsampling(out_channels, 2, dims)
        self.head_up_to_image = _upsampling(out_channels, 8, dims)
        he_initialise(self)
        for name, module in self.named_children():
            if name.startswith("head_up"):
                initialise_bilinear(module)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the size of ``x``, whose sides are multiples of 32."""
        pooled: list[Tensor] = []
        for block in self.blocks:
            x = self.pool(block(x))
            pooled.append(x)
        x = self.dropout(self.fc6(x))
        x = self.dropout(self.fc7(x))
        scores: Tensor = self.head_fc7(x)
        scores = self.head_up_to_pool4(scores) + self.head_pool4(pooled[3])
        scores = self.head_up_to_pool3(scores) + self.head_pool3(pooled[2])
        return cast(Tensor, self.head_up_to_image(scores))


def _upsampling(channels: int, factor: int, dims: int) -> nn.Module:
    return UP_CONVOLUTION[dims](
        channels, channels, 2 * factor, stride=factor, padding=factor // 2, bias=False
    )


def initialise_bilinear(up: nn.Module) -> None:
    """Weights with which a transposed convolution interpolates linearly, channel by channel.

    The kernel is twice the stride and the padding half of it: then pixels keep their places, as
    with ``align_corners=False``.
    """
    weight = up.weight
    assert isinstance(weight, Tensor)
    kernel = weight.shape[-1]
    place = torch.arange(kernel, dtype=weight.dtype, device=weight.device)
    line = 1 - (place - (kernel - 1) / 2).abs() / (kernel / 2)
    product = line
    for _ in range(weight.dim() - 3):
        product = product[..., None] * line
    with torch.no_grad():
        weight.zero_()
        for channel in range(min(weight.shape[:2])):
            weight[channel, channel] = product
