"""U-Net, Ronneberger, Fischer and Brox 2015 (arXiv 1505.04597), Fig. 1."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unet.networks.anisotropy import Pooling
from napari_unet.networks.blocks import EncoderDecoder, Norm, Padding


class UNet(EncoderDecoder):
    """The network of 2015: ``width`` channels at full resolution, doubled by each pooling.

    With the defaults it is the paper's: valid 3x3 convolutions with ReLU, 2x2 max pooling, 2x2
    up-convolutions of stride 2, centre-cropped concatenation, 64 to 1024 channels, dropout at the
    end of the contracting path, one 1x1 convolution; 31,030,658 parameters for 1 channel and 2
    classes, 572x572 in, 388x388 out. As in the figure no ReLU follows the up-convolutions.

    ``padding="same"`` pads each 3x3 convolution with zeros so that the output is as large as the
    input; ``norm="batch"`` puts batch normalisation before each ReLU of a 3x3 convolution;
    ``depth`` is the number of poolings.

    ``pooling`` says by how much each level is pooled along each axis, for voxels that are longer
    along z (not in the paper; see ``anisotropy.py``).

    ``released=True`` is the network that the authors released with the paper, which differs from
    its figure: ReLU follows every up-convolution, and the last one keeps its 128 channels, which
    makes 192 with the skip connection; 31,100,354 parameters.

    ``widths`` are the channels of a pruned network, see ``networks.widths``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 64,
        depth: int = 4,
        padding: Padding = "valid",
        norm: Norm = "none",
        dropout: float = 0.5,
        released: bool = False,
        widths: Sequence[int] = (),
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            [width * 2**level for level in range(depth + 1)],
            dims=dims,
            padding=padding,
            norm=norm,
            dropout=dropout,
            released=released,
            channels=widths,
            pooling=pooling,
        )
