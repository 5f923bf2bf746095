"""What a network costs, counted without running it: its input may lie on torch's meta device."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.transformer import DotProductAttention


def multiply_adds(network: nn.Module, x: Tensor) -> int:
    """Multiply-adds of all convolutions, linear layers and attention in one pass of ``x``."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, DotProductAttention):
            queries, keys, values = inputs  # (B, head, token, channel)
            total += keys.shape[-2] * (queries.numel() + values.shape[-1] * queries[..., 0].numel())
            return
        weight = cast(Tensor, module.weight)
        if isinstance(module, nn.Linear):
            total += output.numel() * weight.shape[1]
        elif isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
            # Each input value meets one slice weight[i] of the kernel.
            total += inputs[0].numel() * math.prod(weight.shape[1:])
        else:
            total += output.numel() * math.prod(weight.shape[1:])

    layers = (
        DotProductAttention,
        nn.Linear,
        nn.Conv2d,
        nn.Conv3d,
        nn.ConvTranspose2d,
        nn.ConvTranspose3d,
    )
    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    network(x)
    for handle in handles:
        handle.remove()
    return total


def step_memory(network: nn.Module, x: Tensor) -> int:
    """Bytes that a training step in float32 holds at its peak, estimated without running it.

    Weights, gradients and the two moments of Adam, plus what the forward pass keeps for the
    backward pass, each storage counted once.
    """
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        output = network(x)
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    del output
    return 4 * weights + sum(storages.values())
