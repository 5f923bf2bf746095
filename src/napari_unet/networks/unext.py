"""UNeXt, Valanarasu and Patel 2022 (arXiv 2203.04967)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks.blocks import he_initialise


def channel_last(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer``, which acts on the last axis, on the channels of ``x`` (B, C, H, W)."""
    return cast(Tensor, layer(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def shift(x: Tensor, axis: int, parts: int) -> Tensor:
    """Groups of channels of ``x`` (B, C, H, W), each moved along ``axis``, zeros moving in.

    The channels fall into ``parts`` groups, of which the first moves by -(parts // 2) pixels, the
    next by one more, and so on: 5 parts move by -2, -1, 0, 1, 2. As in the authors' code a group
    has C / parts channels, rounded up, so that the last may have fewer, or even none.
    """
    far = parts // 2
    padding = [0, 0, far, far] if axis == 2 else [far, far, 0, 0]
    groups = functional.pad(x, padding).chunk(parts, 1)
    size = x.shape[axis]
    return torch.cat([g.narrow(axis, 2 * far - n, size) for n, g in enumerate(groups)], 1)


class ShiftedMLP(nn.Module):
    """x + fc2(shift_x(gelu(depthwise(fc1(shift_y(norm(x))))))): the tokenised MLP block.

    Each pixel is a token; ``fc1`` and ``fc2`` mix its channels. What makes them see their
    surroundings, differently along each axis, is that channels are shifted before.
    """

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, channels)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = shift(channel_last(self.norm, x), 2, self.parts)
        y = self.act(self.depthwise(channel_last(self.fc1, y)))
        return x + channel_last(self.fc2, shift(y, 3, self.parts))


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels)]


class UNeXt(nn.Module):
    """Three levels of convolutions, two of shifted MLPs: 1,471,921 parameters for 3 channels, 1
    class.

    Going down, each of the first three levels is a 3x3 convolution, batch normalisation, 2x2 max
    pooling and ReLU; each of the last two a 3x3 convolution of stride 2 (overlapping patches),
    layer normalisation of each pixel's channels, a shifted MLP and one more such normalisation.
    Going up, a 3x3 convolution, batch normalisation, bilinear doubling (``align_corners=False``)
    and ReLU, to which the map of the other side is *added*; after the first two of these a
    shifted MLP and layer normalisation. The last step, from half resolution, has neither
    normalisation nor skip connection, and a 1x1 convolution ends it. As in the authors' code.

    Channels are ``multiples`` times ``width`` on the five levels. Their small network is width 8
    with multiples (1, 2, 4, 8, 16). ``shifts`` is the number of groups that are shifted.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 16,
        multiples: Sequence[int] = (1, 2, 8, 10, 16),
        shifts: int = 5,
    ) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = (width * multiple for multiple in multiples)
        self.contracting = nn.ModuleList(
            nn.Sequential(*_convolution(a, b), nn.MaxPool2d(2), nn.ReLU(inplace=True))
            for a, b in ((in_channels, c1), (c1, c2), (c2, c3))
        )
        self.patches = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in ((c3, c4), (c4, c5))
        )
        self.patch_norms = nn.ModuleList(nn.LayerNorm(c) for c in (c4, c5))
        self.mlps = nn.ModuleList(ShiftedMLP(c, shifts) for c in (c4, c5, c4, c3))
        self.mlp_norms = nn.ModuleList(nn.LayerNorm(c) for c in (c4, c5, c4, c3))
        self.up = nn.ModuleList(
            nn.Sequential(*layers, self._double(), nn.ReLU(inplace=True))
            for layers in (
                _convolution(c5, c4),
                _convolution(c4, c3),
                _convolution(c3, c2),
                _convolution(c2, c1),
                [nn.Conv2d(c1, c1, 3, padding=1)],
            )
        )
        self.head = nn.Conv2d(c1, out_channels, 1)
        he_initialise(self)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    @staticmethod
    def _double() -> nn.Module:
        return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    def _tokens(self, x: Tensor, index: int) -> Tensor:
        return channel_last(self.mlp_norms[index], self.mlps[index](x))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channel, H, W) to logits (B, class, H, W)."""
        skips: list[Tensor] = []
        for block in self.contracting:
            x = block(x)
            skips.append(x)
        for index, (patches, norm) in enumerate(zip(self.patches, self.patch_norms, strict=True)):
            x = self._tokens(channel_last(norm, patches(x)), index)
            skips.append(x)
        skips.pop()
        for index, up in enumerate(self.up):
            x = up(x)
            if skips:
                x = x + skips.pop()
            if index < 2:
                x = self._tokens(x, 2 + index)
        return cast(Tensor, self.head(x))
