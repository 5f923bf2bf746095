"""Convolutions with standardised weights (Qiao et al. 2019, arXiv 1903.10520), in 2D and 3D."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

EPSILON = 1e-5


def standardise(weight: Tensor) -> Tensor:
    """``weight`` (out, in / groups, *kernel), each filter with mean 0 and variance 1."""
    rest = tuple(range(1, weight.dim()))
    variance, mean = torch.var_mean(weight, dim=rest, correction=0, keepdim=True)
    return (weight - mean) * torch.rsqrt(variance + EPSILON)


class StandardisedConv2d(nn.Conv2d):
    """A convolution that uses its weights standardised, whatever their scale."""

    def forward(self, input: Tensor) -> Tensor:
        return cast(Tensor, self._conv_forward(input, standardise(self.weight), self.bias))


class StandardisedConv3d(nn.Conv3d):
    """As :class:`StandardisedConv2d`, in volumes."""

    def forward(self, input: Tensor) -> Tensor:
        return cast(Tensor, self._conv_forward(input, standardise(self.weight), self.bias))


STANDARDISED_CONVOLUTION = {2: StandardisedConv2d, 3: StandardisedConv3d}


def group_norm(channels: int, groups: int, epsilon: float = EPSILON) -> nn.GroupNorm:
    """Group normalisation (Wu and He 2018) with ``groups``, or fewer if ``channels`` need it.

    The number of groups is the largest divisor of ``channels`` that is no more than ``groups``.
    """
    count = next(g for g in range(min(groups, channels), 0, -1) if channels % g == 0)
    return nn.GroupNorm(count, channels, eps=epsilon)
