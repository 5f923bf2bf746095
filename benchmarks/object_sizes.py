"""What enlarging an image before it is predicted does to its objects.

OMP_NUM_THREADS=1 python -m benchmarks.object_sizes [--steps 500] [--seeds 1]
    [--tasks dsb,dsb-smaller,dsb-larger,u373] [--test]

Trains ``live`` once for each task and seed and predicts each image in several ways: ``1``: as it
is; ``4/3``, ``5/3``, ``2``: all images so many times enlarged; ``chosen``: as models do, each so
far that its objects are as large as those of the training. Tasks as in ``other_images``, training
parts only; ``--test``: the test part of DSB. One line of JSON for each way.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from benchmarks.common import report
from benchmarks.few_shot import scoring
from benchmarks.few_shot.sets import TASKS, Array, Pair, Task
from benchmarks.other_images import named, scored

from napari_unet import Model, train
from napari_unet.prediction.enlarging import SIZES

KEPT = ("ap50", "seg", "tp", "fp", "fn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default="dsb,dsb-smaller,dsb-larger,u373")
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    for seed in range(options.seeds):
        for name in ["dsb-8"] if options.test else options.tasks.split(","):
            task = TASKS[name] if options.test else named(name)
            pairs = task.scored("test") if options.test else scored(task)
            model = trained(task, options.steps, seed)
            about = {"task": name, "part": "test" if options.test else "training"}
            about |= {"steps": options.steps, "seed": seed}
            for way, probability, more in ways(model, pairs):
                values = scoring.score(task, pairs, probability)["same"]
                found = {key: round(float(values[key]), 4) for key in KEPT}
                report(benchmark="object_sizes", **about, way=way, **found, **more)


def trained(task: Task, steps: int, seed: int) -> Model:
    """The recipe ``live`` on the images of the task."""
    images, labels = zip(*((pair.image, pair.labels) for pair in task.train), strict=True)
    return train(
        list(images), list(labels), kind=task.kind, steps=steps, seed=seed, validation="none"
    )


def ways(
    model: Model, pairs: Sequence[Pair]
) -> list[tuple[str, list[Array], dict[str, dict[str, int]]]]:
    """Name, probability of foreground (y, x) of each image, and how often which size was chosen."""
    plain = model.predictor("cpu", "float32")
    images = [model.as_image(pair.image) for pair in pairs]
    planes = [
        model.normalisation(image).apply(image.read((), tuple((0, n) for n in image.spatial_shape)))
        for image in images
    ]
    at: dict[Fraction, list[Array]] = {}
    for size in SIZES:
        predictor = plain.at_size(size)
        at[size] = [np.asarray(predictor.probability(plane)[1]) for plane in planes]
    chosen = [model.predictor_for(image, plain).size for image in images]
    counts = {str(size): n for size, n in sorted(Counter(chosen).items())}
    best = [at[size][i] for i, size in enumerate(chosen)]
    return [
        *((str(size), found, {}) for size, found in at.items()),
        ("chosen", best, {"sizes": counts}),
    ]


if __name__ == "__main__":
    main()
