"""Whether there is memory for a network at all: found out before it is built.

Without, the system may end the process, and nobody is told why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, is_out_of_memory
from napari_unet.training.presets import Preset
from napari_unet.usable_memory import available_memory

COPIES = 4
"""float32 numbers for each parameter, at least: itself, its average, gradient and momentum."""


@contextmanager
def room_for(
    recipe: Preset, *, dims: int, channels: int, classes: int, device: str
) -> Iterator[None]:
    """The network of ``recipe`` is built inside.

    Raises
    ------
    UserError
        Its weights alone are too large to be trained on the device, or memory ran out.
    """
    on = choose_device(device)

    def sentence(parameters: int) -> str:
        return (
            f"The network {recipe.network!r} has {parameters:,} parameters with these settings and "
            f"does not fit into the memory: training needs {_gigabytes(_least(parameters))} or "
            f"more, and {_gigabytes(available(on))} are free ({on.type}). Choose a smaller width "
            "or depth of it, or another network."
        )

    # To count takes a second, for torch's compiler is imported for it.
    if _larger_than_usual(recipe, dims):
        parameters = _parameters(recipe, dims, channels, classes)
        if _least(parameters) > available(on):
            raise UserError(sentence(parameters))
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(sentence(_parameters(recipe, dims, channels, classes))) from error


def _larger_than_usual(recipe: Preset, dims: int) -> bool:
    """Whether a number among the network's arguments is greater than its default."""
    usual = registry.check_arguments(recipe.network, {}, dims).model_dump()
    chosen = registry.check_arguments(recipe.network, recipe.arguments, dims).model_dump()
    numbers = {n: v for n, v in usual.items() if type(v) in (int, float)}
    return any(chosen[name] > value for name, value in numbers.items())


def _parameters(recipe: Preset, dims: int, channels: int, classes: int) -> int:
    with torch.device("meta"):
        skeleton = registry.build(
            recipe.network,
            dims=dims,
            in_channels=channels,
            out_channels=classes,
            arguments=recipe.arguments,
        )
    return sum(p.numel() for p in skeleton.parameters())


def _least(parameters: int) -> int:
    """Bytes that training them takes at least."""
    return 4 * COPIES * parameters


def available(device: torch.device) -> int:
    """Bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return available_memory()


def _gigabytes(number: int) -> str:
    return f"{number / 2**30:,.1f} GB"
