"""3D U-Net, Çiçek, Abdulkadir, Lienkamp, Brox and Ronneberger 2016 (arXiv 1606.06650), Fig. 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    Margin,
    Norm,
    Padding,
    centre_crop,
    he_initialise,
    keep,
    needed_rims,
)


class UNet3D(nn.Module):
    """The U-Net for volumes, (B, ``in_channels``, z, y, x) to (B, ``out_channels``, z, y, x).

    With the defaults it is the paper's: three poolings; valid 3x3x3 convolutions, each with batch
    normalisation and ReLU; channels double *before* each pooling, in the second convolution of a
    level (32-64, 64-128, 128-256, 256-512), so that no pooling is a bottleneck; 2x2x2
    up-convolutions that keep their channels (512, 256, 128), concatenated with the centre-cropped
    skip connection (256, 128, 64). ``width`` is the number of channels of the first convolution.
    As (z, y, x) 116x132x132 becomes 28x44x44.

    The 19,069,955 parameters of the paper are those of 3 channels and 3 classes where convolutions
    have a bias, up-convolutions have none, and batch normalisation is not counted: exactly what is
    here with ``norm="none"``. With batch normalisation convolutions have no bias, for it would be
    subtracted at once: 2,336 fewer, and 4,672 scales and shifts more.

    For voxels that are longer along z (not in the paper; as nnU-Net does it) the first ``flat``
    levels work in the plane: their convolutions are 1x3x3, and the poolings and up-convolutions
    between them and the next level 1x2x2. Choose it such that the voxels of the next level are
    about cubes: 2 for 4 x 1 x 1 micrometres.

    ``padding="same"`` pads with zeros so that the output is as large as the input. ``widths`` are
    the channels of a pruned network, see ``networks.widths``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 3,
        width: int = 32,
        depth: int = 3,
        padding: Padding = "valid",
        norm: Norm = "batch",
        flat: int = 0,
        widths: Sequence[int] = (),
    ) -> None:
        if dims != 3:
            raise ValueError(f"The 3D U-Net works in 3D, not in {dims}D.")
        super().__init__()
        self.flat = flat
        self.pool = nn.ModuleList()
        self.contracting = nn.ModuleList()
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        after = iter(widths or _regular(width, depth))
        given, skips = in_channels, []
        for level in range(depth + 1):
            first, second = next(after), next(after)
            self.contracting.append(
                _convolutions(given, first, second, level < flat, padding, norm)
            )
            skips.append(given := second)
        for level in range(depth):
            self.pool.append(nn.MaxPool3d(_factors(level < flat)))
        for level in reversed(range(depth)):
            raised, first, second = next(after), next(after), next(after)
            step = _factors(level < flat)
            self.up.append(nn.ConvTranspose3d(given, raised, step, stride=step, bias=False))
            self.expansive.append(
                _convolutions(raised + skips[level], first, second, level < flat, padding, norm)
            )
            given = second
        self.head = nn.Conv3d(given, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor, margin: Margin = 0) -> Tensor:
        """Logits for ``x``; of padded networks without ``margin`` pixels on each side.

        As in ``blocks.EncoderDecoder``: the result is that of cropping afterwards.
        """
        depth = len(self.up)
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(self.pool[level - 1](x) if level else x)
            skips.append(x)
        x = skips.pop()
        needed = self._needed()
        stride = (2 ** (depth - self.flat), 2**depth, 2**depth)
        margins = (margin,) * 3 if isinstance(margin, int) else margin
        rims = [m // s for m, s in zip(margins, stride, strict=True)]
        x, rims = keep(x, rims, needed[depth])
        for level, up, block in zip(reversed(range(depth)), self.up, self.expansive, strict=True):
            x = up(x)
            rims = [r * f for r, f in zip(rims, _factors(level < self.flat), strict=True)]
            x = block(torch.cat([x, centre_crop(skips.pop(), x)], 1))
            x, rims = keep(x, rims, needed[level])
        return cast(Tensor, self.head(x))

    def _needed(self) -> list[tuple[int, int, int]]:
        """Voxels around the wanted output that each level must get right, by axis.

        Levels that work in the plane neither spoil nor scale anything along z.
        """
        depth = len(self.up)
        along_z = [0] * self.flat + needed_rims(depth - self.flat)
        return [(z, n, n) for z, n in zip(along_z, needed_rims(depth), strict=True)]


def _regular(width: int, depth: int) -> list[int]:
    """Channels after each convolution of the network as published."""
    channels = [c for level in range(depth + 1) for c in (width << level, width << level + 1)]
    for level in reversed(range(depth)):
        channels += [width << level + 2, width << level + 1, width << level + 1]
    return channels


def _factors(flat: bool) -> tuple[int, int, int]:
    """Pooling (z, y, x) below a level."""
    return (1 if flat else 2, 2, 2)


def _convolutions(
    channels: int, first: int, second: int, flat: bool, padding: Padding, norm: Norm
) -> nn.Sequential:
    layers: list[nn.Module] = []
    kernel = (1 if flat else 3, 3, 3)
    around = (kernel[0] // 2, 1, 1) if padding == "same" else (0, 0, 0)
    for before, after in ((channels, first), (first, second)):
        layers.append(nn.Conv3d(before, after, kernel, padding=around, bias=norm == "none"))
        if norm == "batch":
            layers.append(nn.BatchNorm3d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
