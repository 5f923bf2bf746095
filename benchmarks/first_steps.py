"""What the first few steps from the start weights give, and what helps them.

python -m benchmarks.first_steps [--steps 3] [--seeds 1] [--tasks isbi-4,u373,dsb-8]

A number of steps instead of seconds, so that the figures do not depend on the machine: the start
weights as they were trained with the rate rising over ten steps, the last layer fitted to the
labels first, the rate rising over the steps of the recipe, and short filters (the recipe as it is);
and random weights. Scored is the mean IoU of membrane, cell and nucleus on parts of the training
sets that are not trained on, as maps of classes; no test image is looked at. Of the membrane also
the mean Rand error at the best threshold of 0.1, 0.2 .. 0.9. One line of JSON each.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from benchmarks.common import report
from benchmarks.few_shot.sets import TASKS, TUNING, Task

from napari_unet.core import prepare
from napari_unet.evaluation.em import best_threshold, rand_error
from napari_unet.start import general
from napari_unet.training.events import Failed
from napari_unet.training.presets import preset

FOREGROUND = {"isbi-4": 0, "u373": 1, "dsb-8": 1}
"""The class that is scored: membrane is class 0 of ISBI."""


@dataclass(frozen=True)
class Variant:
    """``fitted``: the last layer is fitted to the labels before the first step; ``short``: filters
    are as in the recipe, not as long as training left them; ``faster``: times the learning rate."""

    name: str
    fitted: bool = True
    warm_up: int = preset("live").warm_up
    short: bool = True
    faster: float = 1.0
    start: str = "general"


VARIANTS = (
    Variant("as they are, rate rising over ten steps", fitted=False, warm_up=10, short=False),
    Variant("last layer fitted, rate rising over ten steps", warm_up=10, short=False),
    Variant("and the rate as in the recipe", short=False),
    Variant("the same with twice the rate", short=False, faster=2.0),
    Variant("and short filters (live)"),
    Variant("random weights", start="random"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default=",".join(FOREGROUND))
    options = parser.parse_args()
    for name in options.tasks.split(","):
        for variant in VARIANTS:
            found = [
                scored(TASKS[name], variant, options.steps, seed) for seed in range(options.seeds)
            ]
            report(
                benchmark="first_steps",
                task=name,
                scored_on=TUNING[name],
                variant=variant.name,
                steps=options.steps,
                **{
                    score: round(float(np.mean([one[score] for one in found])), 4)
                    for score in found[0]
                },
                by_seed=[round(one["iou"], 4) for one in found],
            )


def scored(task: Task, variant: Variant, steps: int, seed: int) -> dict[str, float]:
    """Means over the tuning images after so many steps."""
    with nullcontext() if variant.short else patch.object(general, "_weights", general._file):
        run = prepare(
            [pair.image for pair in task.train],
            [pair.labels for pair in task.train],
            kind=task.kind,
            start=variant.start,
            warm_up=variant.warm_up,
            learning_rate=variant.faster * preset("live").learning_rate,
            validation="none",
            steps=steps,
            seed=seed,
        )
    if not variant.fitted:
        run.trainer._new_head = False  # no setting of the product: nobody would want it
    for event in run.events():
        if isinstance(event, Failed):
            raise RuntimeError(event.message)
    model, wanted = run.model(), FOREGROUND[task.name]
    scores, cells = [], []
    for pair in task.scored("tuning"):
        probability = model.predict(pair.image)[1]
        true = pair.labels > 0
        found, truth = ((mask == bool(wanted)) for mask in (probability > 0.5, true))
        scores.append((found & truth).sum() / max(1, (found | truth).sum()))
        cells.append((probability, true))
    means = {"iou": float(np.mean(scores))}
    if task.kind == "classes":
        means["rand_error"] = best_threshold(rand_error, cells).error
    return means


if __name__ == "__main__":
    main()
