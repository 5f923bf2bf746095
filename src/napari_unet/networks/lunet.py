"""LUnet, arXiv 2512.03834: a U-Net with the same few channels at every level."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unet.networks.anisotropy import Pooling
from napari_unet.networks.blocks import EncoderDecoder, Norm, Padding


class LUNet(EncoderDecoder):
    """A U-Net whose channel count stays at ``width`` on all levels.

    As in the authors' released code batch normalisation follows the ReLU and convolutions keep
    their bias: in 3D, with one channel in and out, it has 9,929 parameters at width 4 and 39,025 at
    width 8. Their pruning-driven dropout is no part of the network here.

    ``widths`` are the channels of a pruned network, see ``networks.widths``. The U-Net that the
    paper prunes and compares with is this one with channels that double: with 4, 4, 8, 8, .. 64, 64
    and back it has 353,949 parameters.
    ``pooling`` says by how much each level is pooled along each axis, for voxels that are longer
    along z (see ``anisotropy.py``).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 16,
        depth: int = 4,
        padding: Padding = "same",
        norm: Norm = "batch",
        widths: Sequence[int] = (),
        pooling: Pooling | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            [width] * (depth + 1),
            dims=dims,
            padding=padding,
            norm=norm,
            order="relu-norm",
            channels=widths,
            pooling=pooling,
        )
