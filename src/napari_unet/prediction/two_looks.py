"""A second look at the image at half its size, averaged with the first.

At half the size the network sees twice as far and a quarter of the noise, and errs elsewhere, for a
quarter of the work more. Averaging probabilities over sizes of the image is due to Chen et al. 2016
("Attention to scale", section 3.1, average pooling over scales; there the network is trained with
it, here it is the one that learned the whole size). How much it brings: docs/benchmarks.md.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.margins import probability_without, without


def looking_twice(
    network: nn.Module, geometry: Geometry, share: float
) -> tuple[nn.Module, Geometry]:
    """``network`` and its sizes with a second look of this ``share`` (0: as they are).

    Also as they are where there is no second look, see :attr:`Geometry.resizable`.
    """
    if not share or not geometry.resizable:
        return network, geometry
    return TwoLooks(network, geometry, share), geometry.at_two_sizes()


class TwoLooks(nn.Module):
    """(1 - share) p(x) + share p(x at half the size), for a padded 2D ``network``.

    Maps (B, C, y, x) to the logarithm of the averaged probability (B, class, y - 2 b, x - 2 b), b
    being the border of ``geometry.at_two_sizes()``: like a network with valid convolutions it
    consumes all that it needs to see around its output. Halving is the mean of 2 x 2 pixels, the
    way back is bilinear.
    """

    def __init__(self, network: nn.Module, geometry: Geometry, share: float) -> None:
        super().__init__()
        self.network, self.share = network, share
        self.border = geometry.at_two_sizes().border
        self.halo, self.stride = geometry.context, geometry.stride
        self.unseen = tuple(b - h for b, h in zip(self.border, self.halo, strict=True))
        """Pixels on each side that the first look need not see."""

    def forward(self, x: Tensor) -> Tensor:
        whole = probability_without(self.network, without(x, self.unseen), self.halo)
        # One pixel on each side is left for the interpolation.
        around = tuple(b // 2 - s for b, s in zip(self.border, self.stride, strict=True))
        half = probability_without(self.network, functional.avg_pool2d(x, 2), around)
        half = without(half, tuple(s - 1 for s in self.stride))
        half = functional.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)
        mean = torch.lerp(whole, without(half, (2, 2)), self.share)
        return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
