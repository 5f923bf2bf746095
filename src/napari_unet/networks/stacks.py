"""Padded convolutions in a row, as many as one likes: the blocks of networks made after VGG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from napari_unet.networks.blocks import BATCH_NORM, CONVOLUTION, Norm


def stack(
    channels: Sequence[int], *, dims: int, norm: Norm, kernel: int = 3, bias: bool = True
) -> nn.Sequential:
    """Convolutions that keep the size, each with batch normalisation if asked for, and ReLU.

    ``channels`` are those of the input and after each convolution; ``kernel`` is odd. A ``bias``
    before batch normalisation does nothing, but belongs to some published counts.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers.append(CONVOLUTION[dims](before, after, kernel, padding=kernel // 2, bias=bias))
        if norm == "batch":
            layers.append(BATCH_NORM[dims](after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
