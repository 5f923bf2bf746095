"""Measuring the live network, which nearly everybody uses: with its start weights on drawn scenes.

Random weights would be judged wrongly: their probabilities all lie near the threshold, where the
least rounding changes the class.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from torch import Tensor, nn

from napari_unet.networks import registry
from napari_unet.speed import memory
from napari_unet.speed.choosing import remember, remembered
from napari_unet.speed.race import Patience
from napari_unet.speed.trials import Choice, try_prediction, try_training
from napari_unet.start.general import general_weights
from napari_unet.start.scenes import draw
from napari_unet.training.presets import preset

SCENES = 4
SIDE = 256


def measure_live(
    device: torch.device, patience: Patience, tasks: tuple[str, ...] = ("prediction", "training")
) -> Generator[None, None, dict[str, Choice]]:
    """Find out and remember what is not known yet of the live network; yields after each timing.

    Returns what was found out now; what ``patience`` was too short for stays unknown.
    """
    recipe = preset("live")
    found: dict[str, Choice] = {}
    if memory.switched_off():
        return found
    for task in tasks:
        if remembered(task, recipe.network, recipe.arguments, dims=2, device=device) is not None:
            continue
        network = live_network()
        images, classes = scenes()
        yield
        if task == "prediction":
            choice = yield from try_prediction(network, images, device, patience)
        else:
            # As large as a real step: with a single tile bf16 was slower than float32 here, with
            # four nearly twice as fast.
            piece = (slice(recipe.batch), ..., slice(recipe.tile), slice(recipe.tile))
            choice = yield from try_training(
                network, images[piece], classes[piece], device, patience
            )
        if choice is not None:
            found[task] = choice
            remember(
                task,
                recipe.network,
                recipe.arguments,
                dims=2,
                device=device,
                way=choice.way,
                measured=choice.measured,
            )
    return found


def live_network() -> nn.Module:
    """The network of the preset live for one channel and two classes, with its start weights."""
    recipe = preset("live")
    with torch.random.fork_rng(devices=[]):  # a training's random numbers stay as they are
        network = registry.build(
            recipe.network, dims=2, in_channels=1, out_channels=2, arguments=recipe.arguments
        )
    weights = general_weights(recipe.network, recipe.arguments, dims=2, channels=1)
    if weights is not None:
        network.load_state_dict(weights)
    return network.eval()


def scenes() -> tuple[Tensor, Tensor]:
    """Drawn pictures (B, 1, y, x) and what is inside an object, int64 (B, y, x)."""
    pairs = [draw(seed, SIDE) for seed in range(SCENES)]
    images = np.stack([picture for picture, _ in pairs])[:, None]
    return torch.from_numpy(images), torch.from_numpy(np.stack([i > 0 for _, i in pairs])).long()
