"""UNet++, Zhou et al. 2018 and 2019 (arXiv 1807.10165 and 1912.05074)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from napari_unet.networks.blocks import (
    CONVOLUTION,
    POOLING,
    Norm,
    convolutions,
    he_initialise,
)
from napari_unet.networks.up_convolution import UP_CONVOLUTION

Mode = Literal["accurate", "fast"]


def _node(in_channels: int, width: int, *, dims: int, norm: Norm, dropout: float) -> nn.Sequential:
    """Two 3x3 convolutions, each with dropout behind its ReLU.

    The dropout is there even when it drops nothing, so that the names of the weights do not depend
    on it.
    """
    layers = nn.Sequential()
    for layer in convolutions(in_channels, width, dims=dims, padding="same", norm=norm):
        layers.append(layer)
        if isinstance(layer, nn.ReLU):
            layers.append(nn.Dropout(dropout))
    return layers


class UNetPlusPlus(nn.Module):
    """U-Nets of all depths up to ``depth`` in one, joined by nested dense skip connections.

    Node x^{i,j}, at resolution 1 / 2^i, takes [up-convolved x^{i+1,j-1}, x^{i,0}, .., x^{i,j-1}]
    (equation 1); x^{i,0} is the contracting path. All nodes of level i have ``width`` * 2^i
    channels. 2x2 up-convolutions of stride 2, convolutions padded with zeros, no normalisation and
    dropout 0.5 unless asked for otherwise. With deep supervision x^{0,1}, .., x^{0,depth} have a
    1x1 head each, else only the last has. With width 32, 1 channel and 1 class there are 9,041,601
    parameters with one head and 9,041,700 with four, as in the authors' code.

    ``mode`` and ``level`` say how ``forward`` predicts and may be set at any time; weights, their
    names and :meth:`heads`, by which it is trained, are the same in all:

    accurate
        the mean of the probabilities of all heads;
    fast
        the head on x^{0,``level``} alone. Nodes it does not need are not computed, which is the
        paper's pruning to L^level.

    Deviations: ReLU, where the first release of the authors' code has ELU and the papers speak of
    an activation; softmax over classes instead of one sigmoid each; biases start at 0.

    Raises
    ------
    ValueError
        There is no head at ``level`` in the mode ``fast``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dims: int = 2,
        width: int = 32,
        depth: int = 4,
        norm: Norm = "none",
        dropout: float = 0.5,
        deep_supervision: bool = True,
        mode: Mode = "accurate",
        level: int = 4,
    ) -> None:
        super().__init__()
        first = 1 if deep_supervision else depth
        if mode == "fast" and not first <= level <= depth:
            raise ValueError(f"no head at level {level}: they are at {first} to {depth}")
        self.depth, self.mode, self.level = depth, mode, level
        widths = [width * 2**i for i in range(depth + 1)]
        self.pool = POOLING[dims](2)
        self.node = nn.ModuleDict()
        self.up = nn.ModuleDict()
        for j in range(depth + 1):
            for i in range(depth + 1 - j):
                if j:
                    self.up[f"{i}_{j}"] = UP_CONVOLUTION[dims](
                        widths[i + 1], widths[i], 2, stride=2
                    )
                    channels = (j + 1) * widths[i]
                else:
                    channels = widths[i - 1] if i else in_channels
                self.node[f"{i}_{j}"] = _node(
                    channels, widths[i], dims=dims, norm=norm, dropout=dropout
                )
        self.head = nn.ModuleDict(
            {str(j): CONVOLUTION[dims](width, out_channels, 1) for j in range(first, depth + 1)}
        )
        he_initialise(self)

    def _top(self, x: Tensor, level: int) -> list[Tensor]:
        """x^{0,0}, .., x^{0,level}, and no node that these do not need: i + j <= level."""
        rows: list[list[Tensor]] = []
        for i in range(level + 1):
            rows.append([self.node[f"{i}_0"](self.pool(x) if i else x)])
            x = rows[i][0]
        for j in range(1, level + 1):
            for i in range(level + 1 - j):
                up = self.up[f"{i}_{j}"](rows[i + 1][j - 1])
                rows[i].append(self.node[f"{i}_{j}"](torch.cat([up, *rows[i]], 1)))
        return rows[0]

    def heads(self, x: Tensor) -> list[Tensor]:
        """Logits of all heads, shallowest first, whatever the mode."""
        top = self._top(x, self.depth)
        return [head(top[int(j)]) for j, head in self.head.items()]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, class, *spatial) of ``x`` (B, channel, *spatial), multiples of 2^depth.

        In the mode ``accurate`` their softmax is the mean of that of the heads.
        """
        if self.mode == "fast":
            fast: Tensor = self.head[str(self.level)](self._top(x, self.level)[-1])
            return fast
        logits = self.heads(x)
        if len(logits) == 1:
            return logits[0]
        logs = torch.stack([torch.log_softmax(one, 1) for one in logits])
        return torch.logsumexp(logs, 0) - math.log(len(logits))
