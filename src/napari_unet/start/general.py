"""The general start weights that come with the package: for grey or coloured images in 2D."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from napari_unet.networks import registry

NAME = "general"
FILE = "general-2d.safetensors"
"""float16; what ``scripts/train_start_weights.py`` made for ``unet`` as in the preset ``live``."""
FIRST, CLASSES = "contracting.0.0.weight", 2


def general_weights(
    network: str, arguments: Mapping[str, Any], *, dims: int, channels: int
) -> dict[str, Tensor] | None:
    """Weights by name, float32, for a network with ``channels``; None where there are none.

    The first layer answers to the mean of the channels. The head knows two classes, background and
    what is inside an object.
    """
    own = registry.check_arguments("unet", registry.spec("unet").live).model_dump()
    given = registry.check_arguments(network, arguments, dims).model_dump()
    # Dropout has no weights.
    if network != "unet" or dims != 2 or own | {"dropout": 0} != given | {"dropout": 0}:
        return None
    weights = dict(_weights())
    weights[FIRST] = weights[FIRST].repeat(1, channels, 1, 1) / channels
    return weights


@cache
def _weights() -> dict[str, Tensor]:
    content = resources.files("napari_unet.start").joinpath(FILE).read_bytes()
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load(content).items()
    }


def pack(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is written to the file: half the bytes, and nothing that adapts by itself."""
    return {
        name: value.to(torch.float16).contiguous() if value.is_floating_point() else value
        for name, value in weights.items()
    }
