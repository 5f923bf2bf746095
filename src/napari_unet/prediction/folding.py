"""Batch normalisation multiplied into the convolution before it: less to compute, same result.

At prediction batch normalisation is y = (x - mean) / sqrt(var + eps) * gain + shift with constants
only, so a convolution that nothing but it looks at can take them into its weights and bias (Jacob
et al. 2018, section 3.2). In float32 what differs is the rounding. Instance, group and layer
normalisation depend on the image: there nothing is to be folded, nor where ReLU stands between.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)


def foldable(network: nn.Module) -> int:
    """How many normalisations :func:`fold` would take away."""
    return sum(1 for _ in _pairs(network))


def fold(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode without the normalisations that can be folded.

    ``network`` itself where there are none. The copy keeps what the weights are now.
    """
    if not foldable(network):
        return network
    folded = copy.deepcopy(network).eval()
    for parent, convolution, norm in list(_pairs(folded)):
        _take_in(parent[convolution], parent[norm])
        parent[norm] = nn.Identity()
    return folded


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Sequential, int, int]]:
    """Sequences, with the places of a convolution and of the normalisation right after it."""
    # A layer that is used in two places would be folded in both.
    uses = Counter(id(m) for _, m in network.named_modules(remove_duplicate=False))
    for parent in network.modules():
        if type(parent) is not nn.Sequential:
            continue
        layers = list(parent)
        for place, (first, second) in enumerate(pairwise(layers)):
            if (
                type(first) in _CONVOLUTIONS
                and isinstance(second, _BatchNorm)
                and second.running_mean is not None
                and uses[id(first)] == uses[id(second)] == 1
                and not any(_hooks(m) for m in (first, second))
            ):
                yield parent, place, place + 1


def _hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


@torch.no_grad()
def _take_in(convolution: nn.Module, norm: nn.Module) -> None:
    assert isinstance(convolution, _CONVOLUTIONS)
    assert isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = (_exactly(norm.running_var) + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * _exactly(norm.weight)
    bias = -_exactly(norm.running_mean)
    if convolution.bias is not None:
        bias = bias + _exactly(convolution.bias)
    bias = bias * factor
    if norm.bias is not None:
        bias = bias + _exactly(norm.bias)
    old = convolution.weight
    weight = old * factor.to(old).view(-1, *([1] * (old.dim() - 1)))
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    convolution.bias = nn.Parameter(bias.to(old), requires_grad=False)


def _exactly(values: torch.Tensor) -> torch.Tensor:
    """In float64, which Apple GPUs do not know: on the CPU, for these are few numbers."""
    return values.cpu().double()
