"""Train the general start weights on drawn scenes and write them as they come with the package.

They learn from what napari_unet.start.scenes draws and from nothing else: what is inside of
objects, and the other lessons of napari_unet.start.lessons.

python scripts/train_start_weights.py OUT.safetensors [--scenes 2500] [--steps 4000] [--seed 0]

The file in the package is src/napari_unet/start/general-2d.safetensors. What the lessons and the
penalty on similar features are good for: the same with --only-inside, with --similar 0 or both,
and then benchmarks/first_steps.py --weights OUT.safetensors.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_unet.networks import registry
from napari_unet.start.general import packed, shortened
from napari_unet.start.objective import SIMILAR, Objective
from napari_unet.start.tiles import Taught, draw_batch, taught
from napari_unet.training.averaging import AveragedNetwork, fresh_statistics

SEED_APART = 1_000_000_000
"""Seeds of scenes that are trained on begin here; smaller ones are left for looking and testing."""
RATE, DECAY, AVERAGING = 3e-3, 0.02, 0.995
WARM_UP, HOLD = 50, 0.4
"""Steps of the rise of the learning rate; part of the run after which it falls."""
STATISTICS = 30
"""Batches that the batch statistics are estimated from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", type=int, default=2500)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-inside", action="store_true", help="no other lessons")
    parser.add_argument("--similar", type=float, default=SIMILAR, help="0: no penalty")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    options = parser.parse_args()
    first = SEED_APART + options.seed * options.scenes
    with ProcessPoolExecutor() as pool:
        scenes = list(pool.map(taught, range(first, first + options.scenes), chunksize=25))
    print(f"{options.scenes} scenes are drawn", file=sys.stderr)
    torch.manual_seed(options.seed)
    network = registry.build(
        "unet", dims=2, in_channels=1, out_channels=2, arguments=registry.spec("unet").live
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = Objective(network, lessons=not options.only_inside, similar=options.similar)
    weights = trained(network, objective, scenes, options)
    save_file(packed(shortened(weights)), options.out)


def trained(
    network: nn.Module, objective: Objective, scenes: list[Taught], options: argparse.Namespace
) -> dict[str, Tensor]:
    """The averaged weights after all steps."""
    steps = options.steps
    average = AveragedNetwork(network, AVERAGING)
    optimiser = torch.optim.AdamW(
        [*network.parameters(), *objective.parameters()], betas=(0.9, 0.99), weight_decay=DECAY
    )
    batch = partial(draw_batch, np.random.default_rng(options.seed), scenes)
    fast = options.precision == "bfloat16"
    recent, clock = 0.0, time.monotonic()
    for step in range(steps):
        rate = RATE * min(1, (step + 1) / WARM_UP, (steps - step) / ((1 - HOLD) * steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        images, lessons = batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            logits = network(images)
        loss = objective(logits, lessons)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update(network, images)
        recent += float(loss.detach()) / 100
        if step % 100 == 99:
            pace = (time.monotonic() - clock) / (step + 1)
            print(f"step {step + 1}: loss {recent:.4f}, {pace:.3f} s", file=sys.stderr)
            recent = 0.0
    with torch.no_grad(), fresh_statistics(average.network):
        for _ in range(STATISTICS):
            average.network(batch()[0])
    return average.network.state_dict()


if __name__ == "__main__":
    main()
