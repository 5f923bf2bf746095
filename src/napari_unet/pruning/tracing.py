"""The wiring of a network, read off its modules."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.blocks import EncoderDecoder
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.unet3d import UNet3D
from napari_unet.pruning.wiring import IMAGE, Indices, Layer, Wiring

Convolution = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)


def prunable() -> list[str]:
    """Names of the networks that can be pruned: those with the argument ``widths``."""
    return [one.name for one in BUILT_IN if "widths" in one.arguments.model_fields]


def check_prunable(name: str) -> None:
    """:class:`UserError` unless the network called ``name`` can be pruned."""
    registry.spec(name)
    if name not in prunable():
        raise UserError(
            f"The network {name!r} cannot be pruned; those that can are {', '.join(prunable())}."
        )


def wiring_of(network: nn.Module) -> Wiring:
    """The wiring of a network with the argument ``widths``; ValueError for any other."""
    if not isinstance(network, EncoderDecoder | UNet3D):
        raise ValueError(f"the wiring of a {type(network).__name__} is not known")
    layers: list[Layer] = []
    skips: list[int] = []

    def add(prefix: str, module: nn.Module, sources: tuple[int, ...]) -> None:
        for layer in _layers(prefix, module, sources, len(layers)):
            layers.append(layer)

    before = IMAGE
    for level, block in enumerate(network.contracting):
        add(f"contracting.{level}", block, (before,))
        skips.append(before := len(layers) - 1)
    skips.pop()
    for number, (up, block) in enumerate(zip(network.up, network.expansive, strict=True)):
        add(f"up.{number}", up, (before,))
        add(f"expansive.{number}", block, (len(layers) - 1, skips.pop()))
        before = len(layers) - 1
    (head,) = _layers("head", network.head, (before,), len(layers))
    first = _convolution(network, layers[0].name)
    return Wiring(tuple(layers), (head,), first.in_channels, network.head.out_channels)


def cut(
    state: dict[str, Tensor], wiring: Wiring, kept: list[Indices], widths: list[int]
) -> dict[str, Tensor]:
    """The weights of the smaller network: of each layer the ``kept`` of its ``widths`` channels."""
    import torch

    cuts = wiring.cuts(kept, widths)
    smaller = dict(state)
    for name, axes in cuts.items():
        if name not in state:
            continue  # a convolution without bias
        for axis, indices in enumerate(axes):
            if indices is not None:
                smaller[name] = smaller[name].index_select(axis, torch.from_numpy(indices))
    return smaller


def widths_of(network: nn.Module, wiring: Wiring) -> list[int]:
    """Channels after each layer, the argument ``widths`` of this network."""
    return [_convolution(network, layer.name).out_channels for layer in wiring.layers]


def _layers(
    prefix: str, module: nn.Module, sources: tuple[int, ...], position: int
) -> Iterator[Layer]:
    """The layers of a block one after the other; the first one reads ``sources``."""
    parts: list[list[tuple[str, nn.Module]]] = []
    for name, part in _leaves(prefix, module):
        if isinstance(part, CONVOLUTIONS):
            parts.append([])
        parts[-1].append((name, part))
    for number, ((name, convolution), *behind) in enumerate(parts):
        assert isinstance(convolution, CONVOLUTIONS)
        yield Layer(
            name,
            (position + number - 1,) if number else sources,
            math.prod(convolution.kernel_size),
            convolution.bias is not None,
            isinstance(convolution, TRANSPOSED),
            tuple(n for n, part in behind if isinstance(part, _BatchNorm)),
            behind[-1][0] if behind else name,
        )


def _leaves(prefix: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(module, nn.Sequential):
        yield prefix, module
    for name, part in module.named_children():
        yield from _leaves(f"{prefix}.{name}", part)


def _convolution(network: nn.Module, name: str) -> Convolution:
    found = network.get_submodule(name)
    assert isinstance(found, CONVOLUTIONS)
    return found
