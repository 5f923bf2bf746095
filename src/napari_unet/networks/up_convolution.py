"""Transposed convolutions whose bias learns faster on the processor.

oneDNN sums the gradient of the bias of a transposed convolution in a plain loop, which takes longer
than all the rest of its backward pass. Here torch sums it: the convolution is told of a bias that
does not learn, and the gradient that this leaves out is added behind it.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UpConvolution2d(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d``, with the same results and gradients."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, C, y, x), raised."""
        if output_size is not None or not _apart(self, x):
            return super().forward(x, output_size)
        return _raised(self, F.conv_transpose2d, x)


class UpConvolution3d(nn.ConvTranspose3d):
    """``nn.ConvTranspose3d``, with the same results and gradients."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, C, z, y, x), raised."""
        if output_size is not None or not _apart(self, x):
            return super().forward(x, output_size)
        return _raised(self, F.conv_transpose3d, x)


UP_CONVOLUTION = {2: UpConvolution2d, 3: UpConvolution3d}


class _BiasAdded(torch.autograd.Function):
    """``y``, to which ``bias`` was added already, unchanged, with the gradient of the addition."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, bias: Tensor) -> Tensor:
        ctx.mark_dirty(y)
        ctx.numbers = bias.dtype
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        # Summed in the numbers of the map, torch adds in float32 and takes a tenth of the time.
        return gradient, gradient.sum([0, *range(2, gradient.dim())]).to(ctx.numbers)


def _apart(layer: nn.ConvTranspose2d | nn.ConvTranspose3d, x: Tensor) -> bool:
    return layer.training and layer.bias is not None and x.device.type == "cpu"


def _raised(layer: nn.ConvTranspose2d | nn.ConvTranspose3d, convolve: Any, x: Tensor) -> Tensor:
    assert layer.bias is not None
    y = convolve(
        x,
        layer.weight,
        layer.bias.detach(),
        layer.stride,
        layer.padding,
        layer.output_padding,
        layer.groups,
        layer.dilation,
    )
    return cast(Tensor, _BiasAdded.apply(y, layer.bias))  # type: ignore[no-untyped-call]
