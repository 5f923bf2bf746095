"""SegNet, Badrinarayanan, Kendall and Cipolla 2017 (arXiv 1511.00561)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from napari_unet.networks.blocks import CONVOLUTION, POOLING, Norm, he_initialise
from napari_unet.networks.catalogue.segnet import CONVOLUTIONS
from napari_unet.networks.stacks import stack


def unpool(x: Tensor, places: Tensor) -> Tensor:
    """The values of ``x`` (B, C, *spatial) at ``places`` and zeros elsewhere, twice the size.

    ``places`` (B, C, *spatial) are what a 2x2 max pooling returns with its maxima: the number of
    each one's pixel in its channel, row by row. The result is that of ``nn.MaxUnpool2d``, which
    however cannot be traced to TorchScript.
    """
    empty = x.new_zeros(*x.shape[:2], *(2 * n for n in x.shape[2:]))
    return empty.flatten(2).scatter(2, places.flatten(2), x.flatten(2)).view_as(empty)


class SegNet(nn.Module):
    """An encoder whose poolings tell the decoder where their maxima were.

    The encoder is the 13 convolutions of VGG-16, 2, 2, 3, 3 and 3 before each 2x2 max pooling, with
    batch normalisation and ReLU. The decoder is its mirror image: each unpooling puts the values
    where the maxima of the pooling at that level were, zeros elsewhere, and as many convolutions
    make a dense map of them; the last of a level changes to the channels of the next finer one, the
    very last to the classes, without normalisation or ReLU. Nothing else goes from the encoder to
    the decoder. 29,449,932 parameters for 3 channels and 12 classes, which counts, as the released
    network has, a bias in each convolution.

    Deviations: the paper starts the encoder from ImageNet weights and normalises contrast locally
    before it; here weights start as of He et al. and images come normalised. ``depth`` takes the
    first levels of five; ``norm="none"`` leaves out batch normalisation. 3D is the same with 3x3x3
    convolutions and 2x2x2 poolings.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 64,
        depth: int = 5,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        counts = CONVOLUTIONS[:depth]
        widths = [width * n for n in (1, 2, 4, 8, 8)][:depth]
        self.pool = POOLING[dims](2, return_indices=True)
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        channels = in_channels
        for count, wide in zip(counts, widths, strict=True):
            self.encoder.append(stack([channels, *[wide] * count], dims=dims, norm=norm))
            channels = wide
        for level in reversed(range(depth)):
            wide, count = widths[level], counts[level]
            # At full resolution the last convolution of the level is the head.
            after = [widths[level - 1]] if level else []
            self.decoder.append(stack([*[wide] * count, *after], dims=dims, norm=norm))
        self.head = CONVOLUTION[dims](width, out_channels, 3, padding=1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the size of ``x``, whose sides are multiples of 2^depth."""
        places: list[Tensor] = []
        for block in self.encoder:
            x, place = self.pool(block(x))
            places.append(place)
        for block in self.decoder:
            x = block(unpool(x, places.pop()))
        return cast(Tensor, self.head(x))
