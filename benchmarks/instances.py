"""From probabilities to objects: which way of cutting finds most?

OMP_NUM_THREADS=1 python -m benchmarks.instances [--steps 250] [--seeds 2] [--tasks u373,dsb-8]

Trains on the few images of ``few_shot`` and cuts the same probabilities in every way that the dock
*Objects* has; scored on images of the training part that are not trained on (``few_shot``'s part
``tuning``). Holes are filled and specks dropped alike. Trained separately: ``without boundary
weights``; and networks with a third class, the outer shell of every object, thin (``border``) or
reaching in to 0.6 of its depth (``core``, as a learned distance would be cut): what is left in the
middle is grown back over the shell by a watershed. One line of JSON a way: AP at IoU 0.5 and SEG.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.common import report
from benchmarks.few_shot import scoring
from benchmarks.few_shot.sets import TASKS, Array, Objects, Task
from scipy import ndimage
from skimage.segmentation import find_boundaries, watershed

from napari_unet import train
from napari_unet.annotations.holes import fill_holes
from napari_unet.annotations.objects import components, drop_small, grow_back
from napari_unet.measurements.objects import Recipe, make_objects
from napari_unet.model.model import Model

APART = (0.25, 0.5, 0.75)
"""Of the median diameter of the training objects."""
RISES = (0.05, 0.2, 0.5)
BORDER = 0.08
"""Width of the border, of the median diameter; 1.5 to 4 pixels."""
CORE = 0.6
LEAST = (0.5, 0.7, 0.9)
"""Probabilities of the middle from which objects are grown."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", default="u373,dsb-8")
    options = parser.parse_args()
    for seed in range(options.seeds):
        for name in options.tasks.split(","):
            task = TASKS[name]
            about = {"benchmark": "instances", "task": name, "steps": options.steps, "seed": seed}
            for way, ids in cut(task, options.steps, seed):
                found = scoring.object_scores(task.scored("tuning"), ids, task.margin)
                report(**about, way=way, ap50=round(found["ap50"], 4), seg=round(found["seg"], 4))


def cut(task: Task, steps: int, seed: int) -> Iterator[tuple[str, list[Array]]]:
    """Names of the ways, and the ids that each makes of the scored images."""
    rule, images = task.objects, [pair.image for pair in task.scored("tuning")]
    assert rule is not None
    labels = [pair.labels for pair in task.train]
    model = trained(task, labels, "objects", steps, seed)
    inside = [model.predict(image)[1] for image in images]
    ways = recipes(task, rule)
    for name, recipe in ways.items():
        yield name, [by_recipe(one, recipe) for one in inside]
    model = trained(task, labels, "objects", steps, seed, w0=0.0)
    necks = ways["necks (Predict image)"]
    yield "necks, without boundary weights", [by_recipe(model.predict(i)[1], necks) for i in images]
    for name, part in (("border", None), ("core", CORE)):
        shells = [shelled(ids, diameter(task), part) for ids in labels]
        model = trained(task, shells, "classes", steps, seed)
        said = [model.predict(image) for image in images]
        for least in LEAST:
            yield f"{name}, from {least:g}", [grown(one, rule, least) for one in said]


def trained(
    task: Task, labels: list[Array], kind: str, steps: int, seed: int, **settings: Any
) -> Model:
    images = [pair.image for pair in task.train]
    return train(images, labels, kind=kind, steps=steps, seed=seed, validation="none", **settings)


def diameter(task: Task) -> float:
    """Of the median training object, as if it were round."""
    sizes = [np.unique(p.labels[p.labels > 0], return_counts=True)[1] for p in task.train]
    return float(np.sqrt(np.median(np.concatenate(sizes)) * 4 / np.pi))


def recipes(task: Task, rule: Objects) -> dict[str, Recipe]:
    """Ways to cut what is inside, by name."""
    plain = Recipe(min_size=rule.min_size, largest_hole=rule.largest_hole)
    found = {"components": plain}
    for part in APART:
        name = f"distance, {part:g} of a diameter apart"
        found[name] = replace(plain, method="distance", apart=part * diameter(task))
    for rise in RISES:
        found[f"probability, rise {rise:g}"] = replace(plain, method="probability", rise=rise)
    found["necks (Predict image)"] = replace(plain, method="necks", depth=rule.split_depth)
    return found


def by_recipe(inside: Array, recipe: Recipe) -> Array:
    """As *Predict image* does: the thin lines between objects are given back to them."""
    return grow_back(make_objects(inside, recipe), inside >= recipe.threshold, 1.5)


def shelled(ids: Array, size: float, part: float | None) -> npt.NDArray[np.uint8]:
    """0 outside, 1 in the middle, 2 in the shell: nearer to the outline than ``part`` of the
    object's greatest depth, or than :data:`BORDER` of ``size``.
    """
    depth = ndimage.distance_transform_edt(~find_boundaries(ids, mode="inner")) + 1
    width: float | Array = float(np.clip(BORDER * size, 1.5, 4)) + 1
    if part is not None:
        deepest = ndimage.maximum(depth, ids, np.arange(ids.max() + 1))
        width = part * np.asarray(deepest)[ids]
    return np.where(ids > 0, np.where(depth < width, 2, 1), 0).astype(np.uint8)


def grown(said: Array, rule: Objects, least: float) -> Array:
    """Middles of ``said`` (outside, middle, shell; y, x), grown over the shell."""
    mask = fill_holes(said[1:].sum(0) >= 0.5, rule.largest_hole)
    middles = drop_small(components(mask & (said[1] >= least)), max(3, rule.min_size // 4))
    ids = watershed(said[0] + said[2], middles, mask=mask)
    alone = components(mask & ~ndimage.binary_dilation(ids > 0))  # without a middle
    return drop_small(np.where(alone > 0, alone + ids.max(), ids), rule.min_size)


if __name__ == "__main__":
    main()
