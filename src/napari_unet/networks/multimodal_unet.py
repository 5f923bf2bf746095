"""A U-Net with one contracting path for each modality, fused at every level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.networks.blocks import (
    CONVOLUTION,
    POOLING,
    Norm,
    convolutions,
    he_initialise,
)
from napari_unet.networks.stacks import stack
from napari_unet.networks.up_convolution import UP_CONVOLUTION


class MultimodalUNet(nn.Module):
    """Modalities are looked at apart, and averaged at each level for one expansive path.

    A modality is a group of channels; ``groups`` says how many channels each has, in their order
    (empty: each channel is one). Each has a contracting path of its own, as in U-Net: two 3x3
    convolutions a level, 2x2 max pooling, ``width`` channels doubled by each. At every level the
    features of the modalities that are present are averaged and pass a 1x1 convolution; the results
    are the skip connections and the lowest map of a U-Net's expansive path.

    A modality is missing from an image when all its values are NaN. It is then left out of the
    mean, and what the network says is the same as if the modality had never been. Single NaN in a
    modality that is there count as 0. With ``modality_dropout`` each modality is left out of the
    mean with that probability during training, image by image, but never all, so that the network
    learns to do without. Its path still sees the real image, for the sake of its batch statistics.
    An image without any modality gets the answer to features of zero.

    Reconstructed from two papers. One path for each modality and the mean of their features and the
    upsampled ones as skip connections are from IVD-Net (Dolz, Desrosiers and Ben Ayed 2018, arXiv
    1811.07407), there with dense connections between the paths, which would make every path depend
    on every modality and are left out, and with Inception blocks, here the two convolutions of
    U-Net. The mean over those present and leaving out modalities at random in training are from
    HeMIS (Havaei et al. 2016, arXiv 1607.05194), there at one resolution and with the variance as
    well, which one modality does not have. Here skip connections are concatenated, as in U-Net.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 32,
        depth: int = 4,
        groups: Sequence[int] = (),
        norm: Norm = "batch",
        modality_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.groups = list(groups) or [1] * in_channels
        if sum(self.groups) != in_channels:
            raise UserError(
                f"The argument 'groups' divides {sum(self.groups)} channels, but the images have "
                f"{in_channels}: give as many channels in all."
            )
        self.modality_dropout = modality_dropout
        widths = [width * 2**level for level in range(depth + 1)]
        self.pool = POOLING[dims](2)
        self.contracting = nn.ModuleList()
        for channels in self.groups:
            path = nn.ModuleList()
            for wide in widths:
                path.append(convolutions(channels, wide, dims=dims, padding="same", norm=norm))
                channels = wide
            self.contracting.append(path)
        self.fuse = nn.ModuleList(
            stack([wide, wide], dims=dims, norm=norm, kernel=1, bias=norm == "none")
            for wide in widths
        )
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        for wide in reversed(widths[:-1]):
            self.up.append(UP_CONVOLUTION[dims](2 * wide, wide, 2, stride=2))
            self.expansive.append(
                convolutions(2 * wide, wide, dims=dims, padding="same", norm=norm)
            )
        self.head = CONVOLUTION[dims](width, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the size of ``x``, whose sides are multiples of 2^depth."""
        modalities = torch.split(x, self.groups, 1)
        used = self._used(modalities)
        maps = [torch.where(m.isnan(), 0.0, m) for m in modalities]
        skips: list[Tensor] = []
        levels = zip(*cast(Iterable[nn.ModuleList], self.contracting), strict=True)
        for level, (blocks, fuse) in enumerate(zip(levels, self.fuse, strict=True)):
            if level:
                maps = [self.pool(m) for m in maps]
            maps = [block(m) for block, m in zip(blocks, maps, strict=True)]
            skips.append(fuse(mean_of_used(maps, used)))
        x = skips.pop()
        for up, block in zip(self.up, self.expansive, strict=True):
            x = block(torch.cat([up(x), skips.pop()], 1))
        return cast(Tensor, self.head(x))

    def _used(self, modalities: Sequence[Tensor]) -> Tensor:
        """(B, modality): which of them enter the mean."""
        present = torch.stack([m.isnan().logical_not().flatten(1).any(1) for m in modalities], 1)
        if not (self.training and self.modality_dropout):
            return present
        # The luckiest of those present stays, whatever the others do.
        luck = torch.rand(present.shape, device=present.device).where(present, -1.0)
        stays = (luck >= self.modality_dropout) | (luck == luck.amax(1, keepdim=True))
        return present & stays


def mean_of_used(maps: Sequence[Tensor], used: Tensor) -> Tensor:
    """Mean of ``maps``, each (B, C, *spatial), over those that ``used`` (B, map) marks.

    0 where none is marked. What an unmarked map holds, even NaN, does not matter.
    """
    count = used.sum(1).clamp(min=1)
    shape = (-1,) + (1,) * (maps[0].dim() - 1)
    zero = maps[0].new_zeros(())
    total = zero
    for one, marked in zip(maps, used.unbind(1), strict=True):
        total = total + torch.where(marked.reshape(shape), one, zero)
    return total / count.reshape(shape).to(total.dtype)
