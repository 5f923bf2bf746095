"""What a recipe becomes for volumes: poolings, depth and pieces that follow the voxels.

Free of torch, so that the dock can show what training will do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from napari_unet.networks import registry
from napari_unet.networks.anisotropy import pooling_for
from napari_unet.training.presets import Preset

DEPTH = 3
"""Poolings, at most, of a network that the preset live gives a depth.

Each one more doubles the halo, and the work and memory of a tile of a volume grow with its cube.
3D U-Net (Çiçek et al. 2016) has three, too.
"""


def fit_to_volume(
    recipe: Preset,
    spacing: Sequence[float] | None,
    shape: Sequence[int],
    given: Mapping[str, Any] | None = None,
) -> tuple[Preset, list[str]]:
    """``recipe`` for volumes of ``shape`` (z, y, x), and what a person should know about it.

    ``spacing`` is the size of a voxel along each axis, None where it is not known; ``given`` are
    the arguments of the network that somebody chose, which stay. What is decided here is written
    into the recipe and so into the model file: poolings by level and axis (``pooling`` of ``unet``
    and ``lunet``, ``flat`` of ``unet3d``) and the relative voxel size.
    """
    chosen = dict(given or {})
    arguments = dict(recipe.arguments)
    spec = registry.spec(recipe.network)
    fields = spec.arguments.model_fields
    if recipe.name == "live" and "depth" in spec.live and "depth" not in chosen:
        arguments["depth"] = min(DEPTH, int(spec.live["depth"]))
    if spacing is None:
        notes = ["The voxel size is not known: voxels are taken for cubes (say it by --spacing)."]
        return recipe.model_copy(update={"arguments": arguments}), notes
    voxel = relative(spacing)
    notes = []
    checked = registry.check_arguments(recipe.network, arguments, len(spacing))
    pooling = pooling_for(spacing, getattr(checked, "depth", 1), shape)
    if pooling is not None:
        if "pooling" in fields:
            if "pooling" not in chosen:
                arguments["pooling"] = [list(level) for level in pooling]
        elif "flat" in fields:
            if "flat" not in chosen:
                in_plane = [level[0] == 1 for level in pooling]
                arguments["flat"] = (*in_plane, False).index(False)
        elif max(voxel) >= 2:
            notes.append(
                f"The network {recipe.network!r} pools alike along all axes, though the voxels are "
                f"{max(voxel):.3g} times longer along one: unet, lunet and unet3d follow them."
            )
    return recipe.model_copy(update={"arguments": arguments, "voxel": voxel}), notes


def relative(spacing: Sequence[float] | None) -> tuple[float, ...]:
    """Length of a voxel along each axis, in that of the shortest; empty where it is not known."""
    return tuple(round(s / min(spacing), 4) for s in spacing) if spacing else ()


def box_sides(side: int, voxel: Sequence[float]) -> list[int]:
    """Sides of a box of ``side``^dims pixels that is a cube in the world, as far as may be."""
    mean = math.prod(voxel) ** (1 / len(voxel))
    return [max(1, round(side * mean / v)) for v in voxel]
