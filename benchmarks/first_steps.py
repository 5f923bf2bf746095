"""What the first few steps from the start weights give, and what helps them.

python -m benchmarks.first_steps [--steps 3] [--seeds 1] [--tasks isbi-4,u373,dsb-8]
    [--weights FILE.safetensors] [--variants live,random] [--dimensions]

A number of steps instead of seconds, so that the figures do not depend on the machine: the start
weights as they were trained with the rate rising over ten steps, the last layer fitted to the
labels first, the rate rising over the steps of the recipe, and short filters (the recipe as it is);
and random weights. Scored is the mean IoU of membrane, cell and nucleus on parts of the training
sets that are not trained on, as maps of classes; no test image is looked at. Of the membrane also
the mean Rand error at the best threshold of 0.1, 0.2 .. 0.9. One line of JSON each. ``--weights``
takes other start weights than those in the package, as ``scripts/train_start_weights.py`` writes.
``--dimensions`` trains nothing; it tells how different the features of the deepest level are on the
labelled images before the first step, of the start weights and of random ones.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from benchmarks.common import report
from benchmarks.few_shot.sets import TASKS, TUNING, Task
from safetensors.torch import load_file
from torch import Tensor

from napari_unet.core import prepare
from napari_unet.evaluation.em import best_threshold, rand_error
from napari_unet.start import general
from napari_unet.training.averaging import fresh_statistics
from napari_unet.training.events import Failed
from napari_unet.training.first_answer import undeformed
from napari_unet.training.presets import preset

FOREGROUND = {"isbi-4": 0, "u373": 1, "dsb-8": 1}
"""The class that is scored: membrane is class 0 of ISBI."""


@dataclass(frozen=True)
class Variant:
    """``name`` to ask for it by. ``fitted``: the last layer is fitted to the labels before the
    first step; ``length``: mean length of the filters; ``faster``: times the learning rate.
    """

    name: str
    what: str
    fitted: bool = True
    warm_up: int = preset("live").warm_up
    length: float = general.LENGTH
    faster: float = 1.0
    start: str = "general"


LONG = 2.5
"""About as long as training for long leaves filters."""
VARIANTS = (
    Variant("as_is", "as they are, rate over ten steps", fitted=False, warm_up=10, length=LONG),
    Variant("fitted", "last layer fitted, rate over ten steps", warm_up=10, length=LONG),
    Variant("warm_up", "and the rate as in the recipe", length=LONG),
    Variant("faster", "the same with twice the rate", length=LONG, faster=2.0),
    Variant("live", "and short filters (live)"),
    Variant("random", "random weights", start="random"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default=",".join(FOREGROUND))
    parser.add_argument("--weights", type=Path, help="start weights to try")
    parser.add_argument("--variants", default=",".join(v.name for v in VARIANTS))
    parser.add_argument("--dimensions", action="store_true", help="of the features, only")
    options = parser.parse_args()
    wanted = options.variants.split(",")
    if options.weights is not None:
        patch.object(general, "_weights", partial(read_start, options.weights)).start()
    for name in options.tasks.split(","):
        if options.dimensions:
            for start in ("general", "random"):
                found = dimensions(TASKS[name], start)
                report(benchmark="first_steps", task=name, start=start, dimensions=round(found, 1))
            continue
        for variant in (v for v in VARIANTS if v.name in wanted):
            found = [
                scored(TASKS[name], variant, options.steps, seed) for seed in range(options.seeds)
            ]
            report(
                benchmark="first_steps",
                task=name,
                scored_on=TUNING[name],
                variant=variant.what,
                weights=str(options.weights.name) if options.weights else "package",
                steps=options.steps,
                **{
                    score: round(float(np.mean([one[score] for one in found])), 4)
                    for score in found[0]
                },
                by_seed=[round(one["iou"], 4) for one in found],
            )


def read_start(file: Path) -> dict[str, Tensor]:
    return {name: value.float() for name, value in load_file(file).items()}


def scored(task: Task, variant: Variant, steps: int, seed: int) -> dict[str, float]:
    """Means over the tuning images after so many steps."""
    start = general.shortened(general._weights(), variant.length)
    with patch.object(general, "_weights", lambda: start):
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


def dimensions(task: Task, start: str) -> float:
    """Participation ratio of the covariance of the deepest level's features, before any step: the
    squared sum of its eigenvalues over the sum of their squares.
    """
    trainer = prepare(
        [pair.image for pair in task.train],
        [pair.labels for pair in task.train],
        kind=task.kind,
        start=start,
        validation="none",
        steps=1,
    ).trainer
    seen: list[Tensor] = []
    bottom = list(trainer.learner.network.get_submodule("contracting").children())[-1]
    hook = bottom.register_forward_hook(lambda _, __, features: seen.append(features))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), fresh_statistics(trainer.learner.network):
        for _ in range(4):
            batch = trainer.pieces.draw(undeformed(trainer.preset), generator)
            trainer.learner.network(batch.images)
    hook.remove()
    flat = torch.cat([f.movedim(1, -1).flatten(0, -2) for f in seen]).double()
    spread = torch.linalg.eigvalsh(flat.T.cov()).clamp_min(0)
    return float(spread.sum() ** 2 / spread.square().sum())


if __name__ == "__main__":
    main()
