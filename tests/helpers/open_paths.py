"""A network through which everything gets, to measure what its geometry promises."""

from __future__ import annotations

import torch
from torch import nn

AVERAGE = {nn.MaxPool2d: nn.AvgPool2d, nn.MaxPool3d: nn.AvgPool3d}


def exact_reach(network: nn.Module, stride: int, around: int) -> int:
    """Farthest input pixel along the last of two axes that an output of one stride answers to.

    Weights become positive, maxima means: nothing is hidden, and ``Geometry.reach`` must be this
    very number. ``around`` is a multiple of the stride, larger than the reach.
    """
    network = network.double().eval()
    for name, module in list(network.named_children()):
        if type(module) in AVERAGE:
            setattr(network, name, AVERAGE[type(module)](2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.5)
            parameter /= max(1, parameter[0].numel())
    x = torch.ones(1, 1, stride, 2 * around + stride, dtype=torch.float64, requires_grad=True)
    out = network(x)
    reach = 0
    for pixel in range(around, around + stride):
        (gradient,) = torch.autograd.grad(out[0, 0, 0, pixel], x, retain_graph=True)
        seen = gradient[0, 0].abs().sum(0).nonzero().flatten()
        assert int(seen[0]) > 0
        assert int(seen[-1]) < x.shape[-1] - 1
        reach = max(reach, pixel - int(seen[0]), int(seen[-1]) - pixel)
    return reach
