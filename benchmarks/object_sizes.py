"""What enlarging or shrinking an image before it is predicted does to its objects.

OMP_NUM_THREADS=1 python -m benchmarks.object_sizes [--steps 500] [--seeds 1]
    [--tasks dsb,dsb-smaller,dsb-larger] [--test]

Trains ``live`` once for each task and seed and predicts each image at several sizes; the
probability is brought back to the size of the image before it is cut into objects. ``fixed``: all
images at one size. ``enlarged``: each at the size of at least 1 at which the median object that was
found at size 1 would be as large as the median training object, as far as there is such a size.
Nothing of it is in the package. Tasks as in ``other_images``, training parts only; ``--test``: the
test part of DSB. One line of JSON for each way.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np
from benchmarks.common import report
from benchmarks.few_shot import scoring
from benchmarks.few_shot.sets import TASKS, Array, Objects, Pair, Task
from benchmarks.other_images import named, scored
from skimage.transform import resize

from napari_unet import Model, train

SIZES = (1.0, 0.6, 0.75, 1.4, 2.0)
KEPT = ("ap50", "seg", "tp", "fp", "fn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default="dsb,dsb-smaller,dsb-larger")
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    for seed in range(options.seeds):
        for name in ["dsb-8"] if options.test else options.tasks.split(","):
            task = TASKS[name] if options.test else named(name)
            pairs = task.scored("test") if options.test else scored(task)
            model = trained(task, options.steps, seed)
            about = {"task": name, "part": "test" if options.test else "training"}
            for way, objects in ways(task, model, pairs).items():
                values = scoring.object_scores(pairs, objects, task.margin)
                found = {key: round(float(values[key]), 4) for key in KEPT}
                report(benchmark="object_sizes", **about, seed=seed, way=way, **found)


def trained(task: Task, steps: int, seed: int) -> Model:
    """The recipe ``live`` on the images of the task."""
    images, labels = zip(*((pair.image, pair.labels) for pair in task.train), strict=True)
    return train(
        list(images), list(labels), kind=task.kind, steps=steps, seed=seed, validation="none"
    )


def ways(task: Task, model: Model, pairs: Sequence[Pair]) -> dict[str, list[Array]]:
    """Objects of every image in each way."""
    rule = task.objects
    assert rule is not None
    at = {
        size: [scoring.cut(predicted(model, pair.image, size), rule) for pair in pairs]
        for size in SIZES
    }
    chosen = [wanted(ids, rule, task) for ids in at[1.0]]
    fixed = {f"fixed {size:g}": at[size] for size in SIZES}
    return fixed | {"enlarged": [at[size][i] for i, size in enumerate(chosen)]}


def predicted(model: Model, image: Array, size: float) -> Array:
    """Probability of foreground (y, x), from the image at ``size`` times its own."""
    if size == 1:
        return np.asarray(model.predict(image)[1])
    shape = [round(n * size) for n in image.shape]
    smooth = {"anti_aliasing": size < 1, "preserve_range": True}
    other = resize(image, shape, order=1 if size < 1 else 3, **smooth).astype(np.float32)
    return np.asarray(resize(model.predict(other)[1], image.shape, order=1, preserve_range=True))


def wanted(ids: Array, rule: Objects, task: Task) -> float:
    """One of the sizes from 1 on, see above; 1 where nothing was found."""
    known = np.concatenate([_areas(pair.labels) for pair in task.train])
    found = _areas(ids)
    found = found[found >= rule.min_size]
    if not len(found):
        return 1.0
    factor = math.sqrt(float(np.median(known) / np.median(found)))
    return min((s for s in SIZES if s >= 1), key=lambda size: abs(math.log(size / factor)))


def _areas(ids: Array) -> Array:
    return np.unique(ids[ids > 0], return_counts=True)[1]


if __name__ == "__main__":
    main()
