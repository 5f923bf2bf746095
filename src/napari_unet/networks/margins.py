"""Networks whose ``forward`` leaves out what is not wanted of its output (``margin``)."""

from __future__ import annotations

from inspect import signature

from torch import nn


def takes_margin(network: nn.Module) -> bool:
    """Whether ``forward`` has an argument ``margin``, see ``blocks.EncoderDecoder.forward``."""
    return "margin" in signature(network.forward).parameters
