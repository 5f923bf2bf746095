"""How large tiles are when nobody says so."""

from __future__ import annotations

import math
from fractions import Fraction

import torch

from napari_unet.images.tiling import equal_parts
from napari_unet.networks.geometry import Sizes

USUAL_TILE = {("cpu", 2): 512, ("cuda", 2): 1024, ("mps", 2): 1024}
USUAL_TILE |= {("cpu", 3): 64, ("cuda", 3): 96, ("mps", 3): 64}


def default_tile(
    shape: Sizes, device: torch.device, halo: Sizes | None = None, size: Fraction = Fraction(1)
) -> Sizes:
    """Output size of the tiles when nobody asks for one: few equal parts, large but bounded.

    512 pixels a side on the CPU, 1024 on CUDA, 64 and 96 in 3D, and up to half as much again where
    that saves a cut: throughput hardly grows beyond, memory does. Where the ``halo`` differs
    between the axes, so does the side, in proportion, with as many pixels in all: the least work.
    Images that are enlarged to ``size`` get smaller tiles, which are as large for the network.
    """
    usual = int(USUAL_TILE.get((device.type, len(shape)), 512 if len(shape) == 2 else 64) / size)
    if halo is None or len(set(halo)) == 1:
        return equal_parts(shape, usual)
    mean = math.prod(max(1, h) for h in halo) ** (1 / len(halo))
    sides = [max(1, round(usual * max(1, h) / mean)) for h in halo]
    return tuple(equal_parts((n,), side)[0] for n, side in zip(shape, sides, strict=True))
