"""Images predicted at more than their own size, where their objects are small.

A network knows objects of the size that it was trained on. Enlarging an image until its objects are
as large as those is what Cellpose does (Stringer et al. 2021, "Cellpose", Methods: diameters). Here
it happens around the network, tile by tile, so that no enlarged image is ever held.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.margins import probability_without, without

SIZES = (Fraction(1), Fraction(4, 3), Fraction(5, 3), Fraction(2))
"""At which an image may be predicted."""


def enlarging(network: nn.Module, geometry: Geometry, size: Fraction) -> tuple[nn.Module, Geometry]:
    """``network`` and its sizes, seeing ``size`` times enlarged images (1: as they are)."""
    if size == 1:
        return network, geometry
    return Enlarged(network, geometry, size), geometry.enlarged(size)


class Enlarged(nn.Module):
    """p(x enlarged), brought back to the size of x, for a ``resizable`` network.

    Maps (B, C, y, x) to the logarithm of the probability (B, class, y - 2 b, x - 2 b), b being the
    border of ``geometry.enlarged(size)``: like a network with valid convolutions it consumes all
    that it needs to see around its output. The way there is bicubic, the way back bilinear.
    """

    there: Tensor
    back: Tensor

    def __init__(self, network: nn.Module, geometry: Geometry, size: Fraction) -> None:
        super().__init__()
        self.network = network
        self.up, self.down = size.numerator, size.denominator
        self.border, self.halo = geometry.enlarged(size).border, geometry.halo
        there, back = _kernels(self.up, self.down, _cubic), _kernels(self.down, self.up, _linear)
        self.register_buffer("there", there, persistent=False)
        self.register_buffer("back", back, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        large = _resampled(x, self.there, self.up, self.down)
        found = probability_without(self.network, large, self.halo)
        # The next whole pixel of the image behind the halo.
        rim = tuple(-h % self.up for h in self.halo)
        found = _resampled(without(found, rim), self.back, self.down, self.up)
        gone = ((h + r) * self.down // self.up for h, r in zip(self.halo, rim, strict=True))
        found = without(found, tuple(b - g for b, g in zip(self.border, gone, strict=True)))
        return found.clamp_min(torch.finfo(found.dtype).tiny).log()


def _resampled(x: Tensor, kernels: Tensor, up: int, down: int) -> Tensor:
    """``x`` (B, C, y, x) at up / down its size; sides are multiples of ``down``.

    The same weights wherever a pixel lies, which ``functional.interpolate`` does not promise: its
    places are rounded, differently in every tile.
    """
    batch, channels, height, width = x.shape
    with torch.autocast(x.device.type, enabled=False):
        planes = x.float().reshape(batch * channels, 1, height, width)
        # Enough that sides fit; what is near the edge is thrown away.
        padded = functional.pad(planes, (2, 2, 2, 2), mode="replicate")
        found = functional.pixel_shuffle(functional.conv2d(padded, kernels, stride=down), up)
    return found.reshape(batch, channels, *found.shape[-2:])


def _kernels(up: int, down: int, weight: Callable[[float], float]) -> Tensor:
    """(up * up, 1, k, k): what each of up x up new pixels takes of down x down old ones and two
    more on every side."""
    places = [Fraction(2 * i + 1, 2) * down / up - Fraction(1, 2) for i in range(up)]
    taps = range(-2, down + 2)
    along = torch.tensor([[weight(abs(float(t - at))) for t in taps] for at in places])
    along = along / along.sum(1, keepdim=True)
    both = along[:, None, :, None] * along[None, :, None, :]
    return both.reshape(up * up, 1, len(taps), len(taps))


def _linear(distance: float) -> float:
    return max(0.0, 1 - distance)


def _cubic(distance: float) -> float:
    """Keys 1981, equations 11 to 15, with a = -1/2."""
    if distance < 1:
        return 1.5 * distance**3 - 2.5 * distance**2 + 1
    return -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2 if distance < 2 else 0.0
