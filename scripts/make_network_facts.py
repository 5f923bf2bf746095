"""Write src/napari_unet/networks/facts.json: run it after a change of the networks.

Networks are built on torch's meta device, which knows shapes and no numbers, so that it takes
neither time nor memory.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from napari_unet.networks import registry
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.transformer import DotProductAttention

FILE = Path(registry.__file__).with_name("facts.json")


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


def facts_of(name: str) -> dict[str, Any]:
    """The row of one network, at what its entry in the catalogue says."""
    spec = registry.spec(name)
    at = spec.facts_at
    dims = len(at.size)
    arguments = registry.check_arguments(name, at.arguments, dims)
    geometry = spec.geometry(arguments, dims)
    geometry.check_input(at.size)
    with torch.device("meta"):
        network = registry.build(
            name,
            dims=dims,
            in_channels=at.channels,
            out_channels=at.classes,
            arguments=at.arguments,
        )
        x = torch.empty(1, at.channels, *at.size)
        macs = multiply_adds(network.eval(), x)
        memory = step_memory(network.train(), x)
    return registry.describe(name) | {
        "parameters": sum(p.numel() for p in network.parameters()),
        "macs": macs,
        "step_memory": memory,
    }


def table() -> list[dict[str, Any]]:
    """All rows, in the order of the catalogue."""
    return [facts_of(one.name) for one in BUILT_IN]


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(), indent=2) + "\n", "utf-8")
    print(f"wrote {FILE}")
