"""What the networks of the U-Net family are made of, in 2D and 3D."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unet.networks.anisotropy import Pooling, radii, usual_pooling
from napari_unet.networks.up_convolution import UP_CONVOLUTION

Padding = Literal["valid", "same"]
Norm = Literal["none", "batch"]
Order = Literal["norm-relu", "relu-norm"]
Margin = int | Sequence[int]
"""Pixels to leave out on each side, of all axes or of each."""

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
POOLING = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def convolutions(
    in_channels: int,
    out_channels: int,
    *,
    dims: int,
    padding: Padding,
    norm: Norm,
    order: Order = "norm-relu",
    between: int | None = None,
    radius: Sequence[int] | None = None,
) -> nn.Sequential:
    """Two 3x3 convolutions, each with ReLU and, if asked for, batch normalisation.

    With ``norm-relu`` a normalised convolution has no bias, for the normalisation subtracts it.
    ``between``: channels after the first one, by default as many as after the second. Axes whose
    ``radius`` is 0 instead of 1 are not looked along.
    """
    first = out_channels if between is None else between
    around = tuple(radius or (1,) * dims)
    kernel = tuple(2 * r + 1 for r in around)
    layers: list[nn.Module] = []
    for before, after in ((in_channels, first), (first, out_channels)):
        normalised = norm == "batch"
        bias = not normalised or order == "relu-norm"
        layers.append(
            CONVOLUTION[dims](
                before,
                after,
                kernel,  # type: ignore[arg-type]
                padding=around if padding == "same" else 0,  # type: ignore[arg-type]
                bias=bias,
            )
        )
        rest: list[nn.Module] = [nn.ReLU(inplace=True)]
        if normalised:
            rest.insert(0 if order == "norm-relu" else 1, BATCH_NORM[dims](after))
        layers.extend(rest)
    return nn.Sequential(*layers)


def centre_crop(x: Tensor, like: Tensor) -> Tensor:
    """The middle of ``x`` (B, C, *spatial), as large as ``like``."""
    spare = [has - wanted for has, wanted in zip(x.shape[2:], like.shape[2:], strict=True)]
    if not any(spare):  # a crop that leaves all costs the backward pass a copy, too
        return x
    before = [n // 2 for n in spare]
    if x.requires_grad:
        # As a view it would be free here, but the backward pass of views lays out the gradient
        # channels first, and adds it to one that is laid out channels last ten times as slowly.
        after = [n - b for n, b in zip(spare, before, strict=True)]
        sides = zip(reversed(before), reversed(after), strict=True)
        return F.pad(x, [-n for side in sides for n in side])
    for axis, (begin, size) in enumerate(zip(before, like.shape[2:], strict=True), start=2):
        x = x.narrow(axis, begin, size)
    return x


def trim(x: Tensor, rim: int | Sequence[int]) -> Tensor:
    """``x`` (B, C, *spatial) without ``rim`` pixels, of all axes or of each, on each side."""
    rims = [rim] * (x.dim() - 2) if isinstance(rim, int) else rim
    for axis, n in enumerate(rims, start=2):
        if n:
            x = x.narrow(axis, n, x.shape[axis] - 2 * n)
    return x


def keep(x: Tensor, rims: Sequence[int], needed: Sequence[int]) -> tuple[Tensor, list[int]]:
    """``x`` with no more than the needed rims, and the rims that it then has, by axis."""
    x = trim(x, [max(0, r - n) for r, n in zip(rims, needed, strict=True)])
    return x, [min(r, n) for r, n in zip(rims, needed, strict=True)]


def he_initialise(network: nn.Module) -> None:
    """Weights from N(0, sqrt(2 / fan_in)) (He et al. 2015), biases 0, as in the U-Net paper.

    For up-convolutions torch counts fan_in as out_channels * kernel area, which is also how Caffe,
    with which the 2015 networks were trained, counts it.
    """
    kinds = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    for module in network.modules():
        if isinstance(module, kinds):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def needed_rims(depth: int) -> list[int]:
    """Pixels around the wanted output that each level of the expansive path must get right.

    The two convolutions of a level spoil two pixels of what they are given when that is cropped,
    and a pixel of the level below makes two.
    """
    return _needed_along([2] * depth, [1] * depth)


def _needed_along(factors: Sequence[int], radii: Sequence[int]) -> list[int]:
    """The same along one axis, for other poolings and kernels."""
    rims = [0]
    for factor, radius in zip(factors, radii, strict=False):
        rims.append(-(-(rims[-1] + 2 * radius) // factor))
    return rims


def _read_along(factors: Sequence[int], radii: Sequence[int]) -> list[int]:
    """Pixels that each level of the contracting path must be given around the wanted output.

    Multiples of the stride that is still to come, so that poolings tie the same pixels together.
    """
    rims = [_needed_along(factors, radii[:-1])[-1] + 2 * radii[-1]]
    stride = 1
    for factor, radius in zip(reversed(factors), reversed(radii[:-1]), strict=True):
        stride *= factor
        rims.append(-(-(rims[-1] * factor + 2 * radius) // stride) * stride)
    return rims[::-1]


def by_axis(margin: Margin, dims: int) -> list[int]:
    """``margin`` of each axis."""
    return [margin] * dims if isinstance(margin, int) else list(margin)


class EncoderDecoder(nn.Module):
    """The U: contracting path, expansive path, and skip connections between them.

    ``widths`` holds the channels of each level, from full resolution to the lowest. (B,
    ``in_channels``, *spatial) becomes logits (B, ``out_channels``, *spatial), smaller by the border
    where the convolutions are valid. Which sizes fit is told by ``Geometry.check_input``.

    Skip connections are concatenated as [upsampled, centre-cropped skip], the order of the network
    that was released with the paper. Dropout acts on the last map of the two lowest levels of the
    contracting path, 512 and 1024 channels in U-Net 2015, again as released; what it drops is
    dropped from the skip connection too.

    ``pooling`` holds what each level is pooled by along each axis, see ``anisotropy.py``; by
    default 2 everywhere. Up-convolutions undo it.

    ``released`` adds what else that network has and the figure of the paper has not: ReLU after
    every up-convolution, and a last up-convolution that keeps its channels.

    ``channels``, for pruned networks, are those after each convolution instead of what ``widths``
    says; only the number of levels is taken from it then. Their order is that of
    ``networks.widths``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        *,
        dims: int,
        padding: Padding,
        norm: Norm,
        order: Order = "norm-relu",
        dropout: float = 0.0,
        released: bool = False,
        pooling: Pooling | None = None,
        channels: Sequence[int] = (),
    ) -> None:
        super().__init__()
        depth = len(widths) - 1
        after = iter(channels or _regular(widths, released))
        self.pooling = pooling or usual_pooling(depth, dims)
        around = radii(self.pooling, dims)
        self.pool = nn.ModuleList(POOLING[dims](factors) for factors in self.pooling)
        self.contracting = nn.ModuleList()
        self.up = nn.ModuleList()
        self.expansive = nn.ModuleList()
        given, skips = in_channels, []
        for level in range(depth + 1):
            between, width = next(after), next(after)
            block = convolutions(
                given,
                width,
                dims=dims,
                padding=padding,
                norm=norm,
                order=order,
                between=between,
                radius=around[level],
            )
            if dropout > 0 and level >= depth - 1:
                block.append(nn.Dropout(dropout))
            self.contracting.append(block)
            skips.append(given := width)
        for level, skip in reversed(list(enumerate(skips[:-1]))):
            raised, between, width = next(after), next(after), next(after)
            factors = self.pooling[level]
            up = UP_CONVOLUTION[dims](given, raised, factors, stride=factors)  # type: ignore[arg-type]
            self.up.append(nn.Sequential(up, nn.ReLU(inplace=True)) if released else up)
            self.expansive.append(
                convolutions(
                    raised + skip,
                    width,
                    dims=dims,
                    padding=padding,
                    norm=norm,
                    order=order,
                    between=between,
                    radius=around[level],
                )
            )
            given = width
        self.head = CONVOLUTION[dims](given, out_channels, 1)
        he_initialise(self)

    def forward(self, x: Tensor, margin: Margin = 0) -> Tensor:
        """Logits for ``x``; of padded networks without ``margin`` pixels on each side.

        ``margin``, of all axes or of each, is a multiple of the stride. The result is that of
        cropping afterwards, but what only the cropped pixels depend on is not computed: nearly all
        of it in the expansive path, two thirds of the work, and some in the contracting one. A
        tile with its halo costs far less.
        """
        rims, read = by_axis(margin, len(self.pooling[0])), self._read()
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            if level:
                x = self.pool[level - 1](x)
                rims = [r // f for r, f in zip(rims, self.pooling[level - 1], strict=True)]
            x, rims = keep(x, rims, read[level])
            x = block(x)
            skips.append(x)
        del x  # or it would live as long as this call
        return self.expand(skips.pop(), lambda _: skips.pop(), rims)

    def lowest(self, margin: Margin) -> list[int]:
        """``margin`` in pixels of the lowest level, by axis."""
        stride = [math.prod(factors) for factors in zip(*self.pooling, strict=True)]
        return [m // s for m, s in zip(by_axis(margin, len(stride)), stride, strict=True)]

    def expand(self, x: Tensor, skip: Callable[[int], Tensor], rims: Sequence[int]) -> Tensor:
        """Logits from ``x``, the map of the lowest level: the expansive path and the head.

        ``rims``: pixels of ``x`` around what is wanted, by axis. ``skip`` is asked once for each
        level, from the lowest up, for what its skip connection brings: a map with the level's
        channels and the same middle, with at least as much around it as the raised map.
        """
        depth = len(self.up)
        needed = self._needed()
        x, rims = keep(x, rims, needed[depth])
        for level, up, block in zip(reversed(range(depth)), self.up, self.expansive, strict=True):
            x = up(x)
            rims = [r * f for r, f in zip(rims, self.pooling[level], strict=True)]
            x = block(torch.cat([x, centre_crop(skip(level), x)], 1))
            if level:
                x, rims = keep(x, rims, needed[level])
        # Classes are fewer than channels, so less is copied than if x were cropped.
        return keep(self.head(x), rims, needed[0])[0]

    def _needed(self) -> list[tuple[int, ...]]:
        """See :func:`needed_rims`; by level and axis."""
        return self._by_axis(lambda factors, around: _needed_along(factors, around[:-1]))

    def _read(self) -> list[tuple[int, ...]]:
        """Pixels around what is wanted that each level of the contracting path has to be given."""
        return self._by_axis(_read_along)

    def _by_axis(
        self, along: Callable[[Sequence[int], Sequence[int]], list[int]]
    ) -> list[tuple[int, ...]]:
        """What ``along`` says of one axis, from its poolings and the radii of its kernels."""
        around = zip(*radii(self.pooling, len(self.pooling[0])), strict=True)
        factors = zip(*self.pooling, strict=True)
        return list(zip(*map(along, factors, around), strict=True))


def _regular(widths: Sequence[int], released: bool) -> list[int]:
    """Channels after each convolution where all layers of a level have the same."""
    channels = [width for width in widths for _ in range(2)]
    for level in reversed(range(len(widths) - 1)):
        raised = widths[level + released * (level == 0)]
        channels += [raised, widths[level], widths[level]]
    return channels
