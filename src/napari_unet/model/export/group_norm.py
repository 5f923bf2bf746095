"""Group normalisation as plain steps, for programs that sum carelessly."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StepwiseGroupNorm(nn.Module):
    """What ``original`` does to (B, C, *spatial), with means along one axis after the other.

    ONNX Runtime adds up all values of a group in one float32 sum, which on 260 x 260 pixels is
    wrong by enough to change probabilities by 1e-3. Sums along single axes are short.
    """

    def __init__(self, original: nn.GroupNorm) -> None:
        super().__init__()
        self.groups, self.epsilon = original.num_groups, original.eps
        self.weight, self.bias = original.weight, original.bias

    def forward(self, x: Tensor) -> Tensor:
        spatial = x.shape[2:]
        grouped = x.reshape(x.shape[0], self.groups, x.shape[1] // self.groups, *spatial)
        centred = grouped - _mean(grouped)
        scaled = centred * torch.rsqrt(_mean(centred * centred) + self.epsilon)
        by_channel = (1, -1) + (1,) * len(spatial)
        weight, bias = self.weight.reshape(by_channel), self.bias.reshape(by_channel)
        return scaled.reshape(x.shape) * weight + bias


def _mean(x: Tensor) -> Tensor:
    """Over all but the first two axes, which stay."""
    for axis in range(2, x.dim()):
        x = x.mean(axis, keepdim=True)
    return x


def replace_group_norms(network: nn.Module) -> None:
    """Change ``network`` in place: all its group normalisations become stepwise ones."""
    for name, child in network.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(network, name, StepwiseGroupNorm(child))
        else:
            replace_group_norms(child)
