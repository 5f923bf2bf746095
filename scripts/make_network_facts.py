"""Write src/napari_unet/networks/facts.json: run it after a change of the networks.

Networks are built on torch's meta device, which knows shapes and no numbers, so that it takes
neither time nor memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from napari_unet.networks import registry
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.counting import multiply_adds, step_memory
from napari_unet.training.presets import preset, presets
from napari_unet.training.volumes import fit_to_volume

FILE = Path(registry.__file__).with_name("facts.json")


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
        "recipes": [
            {"recipe": recipe, "dims": dims, "parameters": in_recipe(name, recipe, dims)}
            for recipe in presets()
            for dims in spec.dims
        ],
    }


def in_recipe(name: str, recipe: str, dims: int) -> int:
    """Parameters for one channel and two classes of the network as ``recipe`` trains it.

    In 3D in a cube of voxels that are as high as wide: the poolings follow the volume.
    """
    chosen = preset(recipe, network=name)
    if dims == 3:
        chosen, _ = fit_to_volume(chosen, (1.0, 1.0, 1.0), (128, 128, 128))
    arguments = chosen.arguments
    with torch.device("meta"):
        network = registry.build(
            name, dims=dims, in_channels=1, out_channels=2, arguments=arguments
        )
    return sum(p.numel() for p in network.parameters())


def table() -> list[dict[str, Any]]:
    """All rows, in the order of the catalogue."""
    return [facts_of(one.name) for one in BUILT_IN]


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(), indent=2) + "\n", "utf-8")
    print(f"wrote {FILE}")
