"""What the first few steps from the start weights give, with and without a first answer.

python -m benchmarks.first_steps [--steps 3] [--seeds 1] [--tasks isbi-4,u373,dsb-8]

A number of steps instead of seconds, so that the figures do not depend on the machine: the start
weights as they are with the rate rising over ten steps, the last layer fitted to the labels first,
and that with the rate rising over the steps of the recipe. Scored is the mean IoU of membrane, cell
and nucleus on parts of the training sets that are not trained on, as maps of classes; no test image
is looked at. One line of JSON each.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from benchmarks.common import report
from benchmarks.few_shot.sets import TASKS, TUNING, Task

from napari_unet.core import prepare
from napari_unet.training.events import Failed
from napari_unet.training.presets import preset

FOREGROUND = {"isbi-4": 0, "u373": 1, "dsb-8": 1}
"""The class that is scored: membrane is class 0 of ISBI."""


@dataclass(frozen=True)
class Variant:
    """``fitted``: the last layer is fitted to the labels before the first step."""

    name: str
    fitted: bool
    warm_up: int


VARIANTS = (
    Variant("as they are, rate rising over ten steps", False, 10),
    Variant("last layer fitted, rate rising over ten steps", True, 10),
    Variant("last layer fitted, rate as in the recipe", True, preset("live").warm_up),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default=",".join(FOREGROUND))
    options = parser.parse_args()
    for name in options.tasks.split(","):
        for variant in VARIANTS:
            scores = [
                iou(TASKS[name], variant, options.steps, seed) for seed in range(options.seeds)
            ]
            report(
                benchmark="first_steps",
                task=name,
                scored_on=TUNING[name],
                variant=variant.name,
                steps=options.steps,
                iou=round(float(np.mean(scores)), 4),
                by_seed=[round(score, 4) for score in scores],
            )


def iou(task: Task, variant: Variant, steps: int, seed: int) -> float:
    """Mean IoU over the tuning images after so many steps."""
    run = prepare(
        [pair.image for pair in task.train],
        [pair.labels for pair in task.train],
        kind=task.kind,
        warm_up=variant.warm_up,
        validation="none",
        steps=steps,
        seed=seed,
    )
    if not variant.fitted:
        run.trainer._new_head = False  # no setting of the product: nobody would want it
    for event in run.events():
        if isinstance(event, Failed):
            raise RuntimeError(event.message)
    model, wanted, scores = run.model(), FOREGROUND[task.name], []
    for pair in task.scored("tuning"):
        found = model.predict(pair.image, output="classes") == wanted
        truth = (pair.labels > 0) == bool(wanted)
        scores.append((found & truth).sum() / max(1, (found | truth).sum()))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
