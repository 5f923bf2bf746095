"""Attention U-Net, Oktay et al. 2018 (arXiv 1804.03999)."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks.blocks import BATCH_NORM, CONVOLUTION, POOLING, Norm, he_initialise

Gates = Literal["none", "single", "multi"]

COUNT = {"none": 0, "single": 1, "multi": 2}


def _unit(
    in_channels: int, out_channels: int, kernel: int, *, dims: int, norm: Norm, relu: bool = True
) -> list[nn.Module]:
    """Convolution, batch normalisation if asked for, ReLU.

    As in the authors' code the convolution has a bias even where the normalisation subtracts it.
    """
    layers: list[nn.Module] = [
        CONVOLUTION[dims](in_channels, out_channels, kernel, padding=kernel // 2)
    ]
    if norm == "batch":
        layers.append(BATCH_NORM[dims](out_channels))
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return layers


def _enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """``x`` (B, C, *spatial), bi- or trilinearly interpolated to ``factor`` times its size."""
    mode = "bilinear" if x.dim() == 4 else "trilinear"
    return functional.interpolate(x, scale_factor=factor, mode=mode, align_corners=False)


class AttentionGate(nn.Module):
    """Additive attention on a grid (equations 1 and 2).

        alpha = sigmoid(psi(relu(theta(x) + phi(g)))),   y = output(alpha * x)

    The skip ``x`` (B, ``channels``, *spatial) meets the gating signal ``g`` (B,
    ``gating_channels``, *spatial / 2) of the next coarser level at the latter's resolution, so that
    ``theta`` has stride 2 and ``phi`` needs no resizing.
    """

    def __init__(self, channels: int, gating_channels: int, *, dims: int, norm: Norm) -> None:
        super().__init__()
        convolution = CONVOLUTION[dims]
        self.theta = convolution(channels, channels, 2, stride=2, bias=False)
        self.phi = convolution(gating_channels, channels, 1)
        self.relu = nn.ReLU(inplace=True)
        self.psi = convolution(channels, 1, 1)
        self.output = nn.Sequential(*_unit(channels, channels, 1, dims=dims, norm=norm, relu=False))

    def forward(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """The gated skip, as large as ``x``, and the coefficients (B, 1, *spatial) in 0..1."""
        alpha = torch.sigmoid(self.psi(self.relu(self.theta(x) + self.phi(g))))
        alpha = _enlarge(alpha)
        return self.output(alpha * x), alpha


class GatedSkip(nn.Module):
    """``count`` gates side by side (the paper's sub-gates) and a 1x1 convolution to fuse them."""

    def __init__(
        self, count: int, channels: int, gating_channels: int, *, dims: int, norm: Norm
    ) -> None:
        super().__init__()
        self.gates = nn.ModuleList(
            AttentionGate(channels, gating_channels, dims=dims, norm=norm) for _ in range(count)
        )
        self.fuse = nn.Sequential(*_unit(count * channels, channels, 1, dims=dims, norm=norm))

    def forward(self, x: Tensor, g: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The fused skip and the coefficients of each gate."""
        gated, coefficients = zip(*(gate(x, g) for gate in self.gates), strict=True)
        return self.fuse(torch.cat(gated, 1)), list(coefficients)


class AttentionUNet(nn.Module):
    """A padded U-Net whose skip connections are weighed by where to look.

    ``width`` channels at full resolution, doubled by each of ``depth`` poolings; two 3x3
    convolutions a level, linear upsampling, concatenation as [skip, upsampled]. The skips of all
    levels but the first pass through attention gates that compare them with the next coarser map
    of the expansive path (with the lowest map through a 1x1 convolution at the deepest gate).
    ``gates`` is the number of gates a skip: ``multi`` two that are fused, ``single`` one, ``none``
    the plain U-Net they compare with. Deep supervision is that of the authors' code: the logits of
    all levels, enlarged to full size, are fused by a 1x1 convolution, and there is one loss.

    With width 16 (their feature scale 4), batch normalisation, 3D, 1 channel and 4 classes it has
    the parameters of their code: 6,473,322 (multi), 6,214,151 (single), 5,888,004 (none).

    Deviations: interpolation does not align corners, which in their code depends on the version of
    torch, so that it is local and tiles are exact; the fusion starts as the mean of the levels'
    logits, and its inputs lie by class, so that added classes leave the others' logits as they
    were; ``norm="none"`` leaves out the normalisations of the gates too, and ``dims=2`` is ours.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 16,
        depth: int = 4,
        gates: Gates = "multi",
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        lowest = widths[-1]
        self.pool = POOLING[dims](2)

        def block(channels: int, level: int) -> nn.Sequential:
            return nn.Sequential(
                *_unit(channels, widths[level], 3, dims=dims, norm=norm),
                *_unit(widths[level], widths[level], 3, dims=dims, norm=norm),
            )

        self.contracting = nn.ModuleList(
            block(widths[level - 1] if level else in_channels, level) for level in range(depth + 1)
        )
        # Indexed by level, like all lists here: the first skip has no gate.
        self.skips = nn.ModuleList([nn.Identity()] * depth)
        if gates != "none":
            self.gating = nn.Sequential(*_unit(lowest, lowest, 1, dims=dims, norm=norm))
            for level in range(1, depth):
                self.skips[level] = GatedSkip(
                    COUNT[gates], widths[level], widths[level + 1], dims=dims, norm=norm
                )
        self.gated = gates != "none"
        self.expansive = nn.ModuleList(
            block(widths[level] + widths[level + 1], level) for level in range(depth)
        )
        self.head = nn.ModuleList(
            CONVOLUTION[dims](widths[level], out_channels, 1) for level in range(depth)
        )
        self.head_fusion = CONVOLUTION[dims](depth * out_channels, out_channels, 1)
        he_initialise(self)
        self._fuse_by_the_mean()

    def _fuse_by_the_mean(self) -> None:
        weight = self.head_fusion.weight
        levels = len(self.head)
        with torch.no_grad():
            weight.zero_()
            for c in range(len(weight)):
                weight[c, c * levels : (c + 1) * levels] = 1 / levels

    def _decode(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Maps of the expansive path, and coefficients of the gates; both finest first."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(self.pool(x) if level else x)
            skips.append(x)
        signal = self.gating(x) if self.gated else x
        maps: list[Tensor] = []
        coefficients: list[Tensor] = []
        for level in reversed(range(len(self.expansive))):
            skip = skips[level]
            if self.gated and level:
                skip, alpha = self.skips[level](skip, signal)
                coefficients[:0] = alpha
            x = signal = self.expansive[level](torch.cat([skip, _enlarge(x)], 1))
            maps.insert(0, x)
        return maps, coefficients

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, class, *spatial) of ``x`` (B, channel, *spatial), multiples of 2^depth."""
        maps, _ = self._decode(x)
        logits = [head(one) for head, one in zip(self.head, maps, strict=True)]
        whole = [_enlarge(one, 2**level) if level else one for level, one in enumerate(logits)]
        return cast(Tensor, self.head_fusion(torch.stack(whole, 2).flatten(1, 2)))

    def attention(self, x: Tensor) -> list[Tensor]:
        """Coefficients of every gate for ``x``, each (B, 1, *spatial) in 0..1.

        Finest first, two after each other for each skip of ``multi``; spatial sizes are those of
        the skips: 1/2, 1/4, .. of the input's. Empty without gates.
        """
        return self._decode(x)[1]
