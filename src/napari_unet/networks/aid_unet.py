"""AID-U-Net, Tashk, Herp, Bjørsum-Meyer, Koulaouzidis and Nadimi 2022 (Diagnostics 12(12):2952)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    EncoderDecoder,
    Margin,
    Norm,
    convolutions,
    he_initialise,
)
from napari_unet.networks.up_convolution import UP_CONVOLUTION


class AIDUNet(EncoderDecoder):
    """A U-Net that goes part of the way up, down again, and then all the way up.

    The direct contracting path pools ``depth`` times. From its end a sub-expansive path climbs
    ``sub_depth`` levels, with the skip connections of the contracting path; from there a
    sub-contracting path goes down to the lowest level again; and the direct expansive path climbs
    to full resolution. Its skip connections are those of the sub paths on the levels where these
    have been (on the topmost of them, the end of the sub-expansive path), and those of the
    contracting path above. Channels double from level to level, starting with ``width``.

    All in all it has as many convolutions as a U-Net that pools ``depth + sub_depth`` times, but
    never its many channels: that is the paper's claim of fewer parameters at the same number of
    layers. Compared with a U-Net that pools ``depth`` times it has more.

    Reconstructed. Obtained were the abstract, the table of contents and the lists of layers of the
    paper (a contracting block is convolution, batch normalisation, ReLU, twice, and dropout; skip
    connections are concatenated), and the layers of its first author's earlier Flex-U-Net
    (github.com/ashkantashk/Flex-U-Net, 2022), from which the wiring, the defaults (its training
    script has 2^5 channels, four poolings, sub paths of one level) and the growth of dropout with
    the level are learnt; no code was taken. Not obtained were the figures and tables of the paper,
    so that its parameter counts are not verified. Of what differs between the two, the paper's two
    convolutions a block were chosen over Flex-U-Net's three. The list for the expansive block may
    also be read as one convolution; here it has two. The paper's cropping of odd sizes is not
    needed, for sizes are multiples of the stride here. Convolutions pad with zeros.

    ``dropout`` is the rate at the end of each block of the two topmost levels; it is twice as high
    on the next two, and so on.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 32,
        depth: int = 4,
        sub_depth: int = 1,
        norm: Norm = "batch",
        dropout: float = 0.1,
    ) -> None:
        widths = [width * 2**level for level in range(depth + 1)]
        super().__init__(in_channels, out_channels, widths, dims=dims, padding="same", norm=norm)

        def block(channels: int, level: int) -> nn.Sequential:
            return convolutions(channels, widths[level], dims=dims, padding="same", norm=norm)

        self.sub_up = nn.ModuleList()
        self.sub_expansive = nn.ModuleList()
        self.sub_contracting = nn.ModuleList()
        top = depth - sub_depth
        for level in reversed(range(top, depth)):
            self.sub_up.append(UP_CONVOLUTION[dims](widths[level + 1], widths[level], 2, stride=2))
            self.sub_expansive.append(block(2 * widths[level], level))
        for level in range(top + 1, depth + 1):
            self.sub_contracting.append(block(widths[level - 1], level))
        if dropout > 0:
            for path, levels in (
                (self.contracting, range(depth + 1)),
                (self.sub_expansive, reversed(range(top, depth))),
                (self.sub_contracting, range(top + 1, depth + 1)),
                (self.expansive, reversed(range(depth))),
            ):
                for module, level in zip(path, levels, strict=True):
                    assert isinstance(module, nn.Sequential)
                    module.append(nn.Dropout(min(0.9, dropout * (1 + level // 2))))
        he_initialise(self)

    def forward(self, x: Tensor, margin: Margin = 0) -> Tensor:
        """Logits for ``x``, without ``margin`` pixels on each side; see ``EncoderDecoder``."""
        pool = self.pool[0]  # all are alike
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(pool(x) if level else x)
            skips.append(x)
        x = skips.pop()
        for up, block in zip(self.sub_up, self.sub_expansive, strict=True):
            x = block(torch.cat([up(x), skips.pop()], 1))
        for block in self.sub_contracting:
            skips.append(x)
            x = block(pool(x))
        return self.expand(x, lambda _: skips.pop(), self.lowest(margin))
