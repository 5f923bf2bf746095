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

FILE = Path(registry.__file__).with_name("facts.json")
SIZES = {"unet": (572, 572), "lunet": (512, 512)}
CHANNELS, CLASSES = 1, 2


def multiply_adds(network: nn.Module, x: Tensor) -> int:
    """Multiply-adds of all convolutions and linear layers in one pass of ``x``."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = cast(Tensor, module.weight)
        if isinstance(module, nn.Linear):
            total += output.numel() * weight.shape[1]
        elif isinstance(module, (nn.ConvTranspose2d, nn.ConvTranspose3d)):
            # Each input value meets one slice weight[i] of the kernel.
            total += inputs[0].numel() * math.prod(weight.shape[1:])
        else:
            total += output.numel() * math.prod(weight.shape[1:])

    layers = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    network(x)
    for handle in handles:
        handle.remove()
    return total


def facts_of(name: str) -> dict[str, Any]:
    """The row of one network with its default arguments."""
    spec = registry.spec(name)
    size = SIZES[name]
    arguments = registry.check_arguments(name, {}, len(size))
    geometry = spec.geometry(arguments, len(size))
    geometry.check_input(size)
    with torch.device("meta"):
        network = registry.build(
            name, dims=len(size), in_channels=CHANNELS, out_channels=CLASSES, arguments={}
        )
        macs = multiply_adds(network.eval(), torch.empty(1, CHANNELS, *size))
    return {
        "name": name,
        "title": spec.title,
        "paper": spec.paper,
        "when": spec.when,
        "dims": list(spec.dims),
        "parameters": sum(p.numel() for p in network.parameters()),
        "macs": macs,
        "receptive_field": list(geometry.receptive_field),
        "stride": list(geometry.stride),
        "sizes": {
            "input": list(geometry.input_size(geometry.base)),
            "output": list(geometry.base),
            "step": list(geometry.stride),
        },
        "tile_exact": geometry.tile_exact,
        "at": {
            "channels": CHANNELS,
            "classes": CLASSES,
            "size": list(size),
            **arguments.model_dump(),
        },
    }


def table() -> list[dict[str, Any]]:
    """All rows, in the order of the registry."""
    return [facts_of(name) for name in registry.names()]


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(), indent=2) + "\n", "utf-8")
    print(f"wrote {FILE}")
