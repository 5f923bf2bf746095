"""Networks of MONAI, built as the registry wants them.

Weights begin as MONAI makes them. The last layer, which knows the number of classes, is taken out
of its network and called ``head``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from monai.networks.nets import AttentionUnet, BasicUNet, SegResNet, UNet
from torch import nn


def basic_unet(
    in_channels: int, out_channels: int, *, dims: int, width: int, norm: str, dropout: float
) -> nn.Module:
    """``BasicUNet``: two convolutions a level, max pooling four times, up-convolutions."""
    features = (width, width, 2 * width, 4 * width, 8 * width, width)
    kind: Any = ("instance", {"affine": True}) if norm == "instance" else norm
    whole = BasicUNet(dims, in_channels, out_channels, features, norm=kind, dropout=dropout)
    return _split(whole, "final_conv")


def unet(
    in_channels: int,
    out_channels: int,
    *,
    dims: int,
    width: int,
    depth: int,
    norm: str,
    dropout: float,
) -> nn.Module:
    """``UNet`` with two residual units a level and convolutions of stride 2."""
    channels = [width * 2**level for level in range(depth + 1)]
    whole = UNet(
        dims,
        in_channels,
        out_channels,
        channels,
        strides=(2,) * depth,
        num_res_units=2,
        norm=norm,
        dropout=dropout,
    )
    return _split_sequence(whole.model)


def attention_unet(
    in_channels: int, out_channels: int, *, dims: int, width: int, depth: int, dropout: float
) -> nn.Module:
    """``AttentionUnet``: gates on all levels, convolutions of stride 2."""
    channels = [width * 2**level for level in range(depth + 1)]
    whole = AttentionUnet(
        dims, in_channels, out_channels, channels, strides=(2,) * depth, dropout=dropout
    )
    return _split_sequence(whole.model)


def segresnet(
    in_channels: int, out_channels: int, *, dims: int, width: int, dropout: float
) -> nn.Module:
    """``SegResNet``: residual blocks 1, 2, 2, 4 on the way down and one a level on the way up."""
    whole = SegResNet(dims, width, in_channels, out_channels, dropout_prob=dropout or None)
    return _split(whole, "conv_final")


def _split(whole: Any, last: str) -> nn.Module:
    """``whole`` with its layer ``last`` as head."""
    head = getattr(whole, last)
    setattr(whole, last, nn.Identity())
    return _joined(whole, head)


def _split_sequence(whole: Any) -> nn.Module:
    """A sequence of layers with the last one as head."""
    *first, head = whole.children()
    return _joined(nn.Sequential(*first), head)


def _joined(body: nn.Module, head: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(body=body, head=head))
