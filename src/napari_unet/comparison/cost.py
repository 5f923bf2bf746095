"""Parameters, multiply-adds and measured frames per second of a network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from napari_unet.networks import registry
from napari_unet.networks.counting import multiply_adds
from napari_unet.networks.geometry import Sizes
from napari_unet.prediction.device import autocast, memory_format
from napari_unet.prediction.predictor import Predictor

OUTPUT: dict[int, Sizes] = {2: (256, 256), 3: (32, 96, 96)}
"""Size, by spatial axes, that the output has at least when a network is measured."""
WARM_UP = 3
FEWEST, MOST = 5, 100
LONGEST = 1.5
"""Seconds that measuring takes, at most about, once there are ``FEWEST`` values."""


@dataclass(frozen=True)
class Cost:
    """What one input (1, C, *input_size) costs."""

    parameters: int
    macs: int
    input_size: Sizes
    frames_per_second: float


def measured_size(network: str, arguments: dict[str, Any], dims: int) -> Sizes:
    """Input that gives the smallest output of at least ``OUTPUT``."""
    sizes = registry.geometry(network, arguments, dims)
    return sizes.input_size(sizes.output_size(OUTPUT[dims]))


def measure(
    predictor: Predictor, network: str, arguments: dict[str, Any], *, channels: int, classes: int
) -> Cost:
    """Count and time the network of ``predictor`` on its device, in its precision.

    Frames per second = 1 / median of the seconds for a batch of 1, after a warm-up, from input on
    the device to logits on the device.
    """
    dims = predictor.dims
    size = measured_size(network, arguments, dims)
    with torch.device("meta"):
        skeleton = registry.build(
            network, dims=dims, in_channels=channels, out_channels=classes, arguments=arguments
        ).eval()
        macs = multiply_adds(skeleton, torch.empty(1, channels, *size))
    return Cost(
        sum(p.numel() for p in skeleton.parameters()),
        macs,
        size,
        1 / _seconds(predictor, (1, channels, *size)),
    )


@torch.inference_mode()
def _seconds(predictor: Predictor, shape: tuple[int, ...]) -> float:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator).to(predictor.device)
    x = x.contiguous(memory_format=memory_format(predictor.dims))
    durations: list[float] = []
    for number in range(WARM_UP + MOST):
        _wait(predictor.device)
        clock = time.perf_counter()
        with autocast(predictor.device, predictor.precision):
            predictor.network(x)
        _wait(predictor.device)
        if number >= WARM_UP:
            durations.append(time.perf_counter() - clock)
        if len(durations) >= FEWEST and sum(durations) > LONGEST:
            break
    return median(durations)


def _wait(device: torch.device) -> None:
    """Accelerators work on while Python goes on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
