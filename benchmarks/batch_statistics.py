"""How much a model's batch statistics change what it says, its weights being the same.

OMP_NUM_THREADS=1 python -m benchmarks.batch_statistics [--tasks isbi-near,u373,dsb] [--steps 110]
    [--seed 0] [--spoil noise]

Trains on the tasks of ``other_images`` and estimates the statistics anew: from 4 batches as they
are trained on (six draws), from 16 (three draws), and from 16 whose greys are not varied. No test
image is looked at. One line of JSON for each kind of statistics: mean and standard deviation of
each score over the draws.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from benchmarks.common import report
from benchmarks.few_shot import scoring
from benchmarks.other_images import named, scored, spoilt

from napari_unet.core import prepare
from napari_unet.model.model import Model
from napari_unet.training.averaging import fresh_statistics
from napari_unet.training.presets import Preset
from napari_unet.training.trainer import Trainer

AS_THEY_ARE = dict.fromkeys(
    ("contrast", "brightness", "gamma", "shading", "sharpness", "noise"), 0.0
)
KINDS: dict[str, tuple[int, int, dict[str, float]]] = {
    "4 batches": (4, 6, {}),
    "16 batches": (16, 3, {}),
    "16 batches, greys as they are": (16, 3, AS_THEY_ARE),
}
"""Number of batches, of draws, and what of the recipe is changed."""
WANTED = ("iou", "ap50", "seg", "membrane_iou", "rand_error", "rand_error_test_optimal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="isbi-near,u373,dsb")
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spoil", default="", choices=["", "noise", "blur", "dark"])
    options = parser.parse_args()
    for name in options.tasks.split(","):
        task = named(name)
        pairs = [spoilt(pair, options.spoil) for pair in scored(task)]
        run = prepare(
            [pair.image for pair in task.train],
            [pair.labels for pair in task.train],
            kind=task.kind,
            steps=options.steps,
            seed=options.seed,
            validation="none",
        )
        for _ in run.events():
            pass
        model = run.model()
        for kind, (batches, draws, changes) in KINDS.items():
            found = []
            for draw in range(draws):
                recipe = run.trainer.preset.model_copy(update=changes)
                estimate(model, run.trainer, recipe, batches, seed=draw)
                said = [model.predict(pair.image)[1] for pair in pairs]
                found.append(scoring.score(task, pairs, said)["same"])
            about = {"task": name, "steps": options.steps, "seed": options.seed, "kind": kind}
            report(
                benchmark="batch_statistics", **about, spoilt=options.spoil, **mean_and_sd(found)
            )


def estimate(model: Model, trainer: Trainer, recipe: Preset, batches: int, *, seed: int) -> None:
    """Give ``model`` the statistics of other batches of its training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad(), fresh_statistics(model.network):
        for _ in range(batches):
            model.network(trainer.pieces.draw(recipe, generator).images)


def mean_and_sd(found: list[dict[str, float]]) -> dict[str, Any]:
    """By score: mean and standard deviation, rounded."""
    return {
        key: [round(float(f([one[key] for one in found])), 4) for f in (np.mean, np.std)]
        for key in WANTED
        if key in found[0]
    }


if __name__ == "__main__":
    main()
