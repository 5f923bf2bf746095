"""What each network of the list costs on this machine: measured once while nobody waits.

In 2D as the recipe ``live`` trains it, by real steps and a real prediction of noise. A step in 3D
takes seconds on a laptop, too long for whoever clicks meanwhile: there the dry run of *Check* and
training itself tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from typing import Any

import torch
from pydantic import ValidationError

from napari_unet.core.dry_run import measure, noise
from napari_unet.engine.protocol import Event, NetworkMeasured
from napari_unet.engine.sentences import details, sentence
from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.speed import memory
from napari_unet.speed.choosing import key
from napari_unet.training.presets import preset

RECIPE = "live"
STEPS = 2
SIDE = 256
"""Of what is predicted: no piece of the measuring may be long. Told for SHOWN pixels a side."""
SHOWN = 512
TRIES = 5
"""Attempts at a network: an engine may be closed meanwhile, or memory be short for a moment."""


def measure_networks(device: torch.device, tell: Callable[[Event], None]) -> Iterator[None]:
    """Tell the figures of each network; yields after each piece of measuring.

    A network that cannot be trained here is left out; after TRIES attempts for good.
    """
    if memory.switched_off():
        return
    for name in registry.names():
        if 2 not in registry.spec(name).dims:
            continue
        try:
            figures = yield from _figures_of(name, device)
        except Exception as error:  # of another package, say: the others are measured yet
            print(f"{name} was not measured: {sentence(error)} {details(error)}", flush=True)
            continue
        if figures is not None:
            tell(figures)


def _figures_of(name: str, device: torch.device) -> Generator[None, None, NetworkMeasured | None]:
    """As remembered, else as measured now; None where it was tried too often."""
    recipe = preset(RECIPE, network=name)
    known = key("figures", name, recipe.arguments, dims=2, device=device)
    entry = memory.recall(known) or {}
    begun = entry.get("begun", 0 if not entry else TRIES)
    if not isinstance(begun, int) or begun >= TRIES:
        return _told(name, entry)
    # Before it is tried: one that takes the whole engine down does so TRIES times only.
    memory.remember(known, {"begun": begun + 1})
    last = None
    for last in measure(  # noqa: B007
        [noise((SHOWN, SHOWN))],
        steps=STEPS,
        side=SIDE,
        watch_memory=False,
        network=name,
        start="random",
    ):
        yield
    if last is None or last.batch != recipe.batch:
        raise UserError("There was too little memory for a whole step.")
    entry = {
        "parameters": last.parameters,
        "step": last.seconds_per_step,
        "image": last.megapixel * SHOWN**2 / 1e6,
    }
    memory.remember(known, entry)
    return _told(name, entry)


def _told(name: str, entry: dict[str, Any]) -> NetworkMeasured | None:
    """None where it failed, or where the file of what was measured holds something else."""
    try:
        found = NetworkMeasured.model_validate({**entry, "network": name, "recipe": RECIPE})
    except ValidationError:
        return None
    return found if 0 < found.step < math.inf else None
