"""Outputs without their margins, which networks with an argument ``margin`` do not even compute."""

from __future__ import annotations

from inspect import signature

import torch
from torch import Tensor, nn

from napari_unet.networks.geometry import Sizes


def takes_margin(network: nn.Module) -> bool:
    """Whether ``forward`` has an argument ``margin``, see ``blocks.EncoderDecoder.forward``."""
    return "margin" in signature(network.forward).parameters


def probability_without(network: nn.Module, x: Tensor, margin: Sizes) -> Tensor:
    """Probability (B, class, y, x) of ``x`` by a padded network, without ``margin`` on each side.

    ``margin``: pixels by axis, multiples of the stride.
    """
    if takes_margin(network):
        logits = network(x, margin=margin[0] if len(set(margin)) == 1 else margin)
    else:
        logits = without(network(x), margin)
    return torch.softmax(logits.float(), 1)


def without(x: Tensor, rim: Sizes) -> Tensor:
    """``x`` (..., y, x) without so many pixels on each side."""
    (top, left), (height, width) = rim, x.shape[-2:]
    return x[..., top : height - top, left : width - left]
