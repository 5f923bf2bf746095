"""The general start weights that come with the package: learned on planes, for volumes as well."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from napari_unet.networks import registry
from napari_unet.networks.anisotropy import Pooling, radii, usual_pooling
from napari_unet.start.inflation import inflated

NAME = "general"
FILE = "general-2d.safetensors"
"""float16, short; ``scripts/train_start_weights.py`` made it for ``unet`` as in ``live``."""
FIRST = "contracting.0.0.weight"
LENGTH = 0.85
"""Mean length of a layer's filters on planes; fresh ones (He) have the square root of 2."""


def general_weights(
    network: str, arguments: Mapping[str, Any], *, dims: int, channels: int
) -> dict[str, Tensor] | None:
    """Weights by name, float32, for a network with ``channels``; None where there are none.

    They are those of ``unet`` as in ``live``. For volumes they are inflated (``inflation.py``),
    whatever each level is pooled by, and the network may have fewer poolings: it then has the upper
    levels of both paths. In 2D such a network has none: the recipe ``strokes`` finds membranes
    worse with them (docs/benchmarks.md, "Strokes").

    The first layer answers to the mean of the channels. The head knows two classes, background and
    what is inside an object.
    """
    own = registry.check_arguments("unet", registry.spec("unet").live).model_dump()
    given = registry.check_arguments(network, arguments, dims).model_dump()
    # Dropout has no weights.
    free = {"dropout", "depth", "pooling"} if dims == 3 else {"dropout"}
    if network != "unet" or any(given[name] != own[name] for name in own.keys() - free):
        return None
    missing = own["depth"] - given["depth"]
    if missing < 0:
        return None
    weights = _upper_levels(_weights(), own["depth"], missing)
    weights[FIRST] = weights[FIRST].repeat(1, channels, 1, 1) / channels
    return weights if dims == 2 else _for_volumes(weights, given["depth"], given["pooling"])


def _upper_levels(weights: Mapping[str, Tensor], depth: int, missing: int) -> dict[str, Tensor]:
    """Without the ``missing`` lowest of ``depth`` poolings.

    The contracting path is counted from full resolution, the expansive one from below.
    """
    found = {}
    for name, value in weights.items():
        part, level, *rest = name.split(".")
        if part == "contracting" and int(level) > depth - missing:
            continue
        if part in ("up", "expansive"):
            if int(level) < missing:
                continue
            level = str(int(level) - missing)
        found[".".join([part, level, *rest])] = value
    return found


def _for_volumes(
    flat: Mapping[str, Tensor], depth: int, pooling: Pooling | None
) -> dict[str, Tensor]:
    """Inflated to the kernels that levels with these poolings have."""
    factors = pooling or usual_pooling(depth, 3)
    kernels = [[2 * r + 1 for r in radius] for radius in radii(factors, 3)]
    weights = {}
    for name, value in flat.items():
        part, number, *_ = name.split(".")
        if value.dim() < 4:
            weights[name] = value
        elif part == "head":  # looks at single pixels
            weights[name] = value.unsqueeze(-1)
        elif part == "up":
            weights[name] = inflated(value, factors[depth - 1 - int(number)], up=True)
        else:
            level = int(number) if part == "contracting" else depth - 1 - int(number)
            weights[name] = inflated(value, kernels[level])
    return weights


@cache
def _weights() -> dict[str, Tensor]:
    content = resources.files("napari_unet.start").joinpath(FILE).read_bytes()
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load(content).items()
    }


def shortened(weights: Mapping[str, Tensor], length: float = LENGTH) -> dict[str, Tensor]:
    """The same network with short filters, so that it learns new images faster.

    A layer that batch normalisation follows says the same whatever the length of its filters, but
    a step of the optimiser turns short ones farther. In a long training they grow, here up to
    three times their first length, and every step that follows changes less (van Laarhoven 2017,
    L2 regularisation versus batch and weight normalization). What long ones give may also be too
    large for the float16 of the file.
    """
    short = dict(weights)
    for name, value in weights.items():
        # Only convolutions have filters; the normalisation after one is the next in its block.
        block, _, place = name.removesuffix(".weight").rpartition(".")
        if value.dim() < 4 or not place.isdecimal():
            continue
        after = f"{block}.{int(place) + 1}"
        if f"{after}.running_var" not in weights:
            continue
        factor = length / float(value.flatten(1).norm(dim=1).mean())
        short[name] = value * factor
        short[f"{after}.running_mean"] = weights[f"{after}.running_mean"] * factor
        short[f"{after}.running_var"] = weights[f"{after}.running_var"] * factor**2
        if (bias := f"{block}.{place}.bias") in weights:
            short[bias] = weights[bias] * factor
    return short


def packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is written to the file: half the bytes."""
    return {
        name: value.to(torch.float16).contiguous() if value.is_floating_point() else value
        for name, value in weights.items()
    }
