"""What it is worth to read from the images how common each class is, when labels are strokes.

python -m benchmarks.stroke_shares [--seeds 2] [--tasks isbi-1,dsb-8,u373] [--presets strokes,live]
    [--start auto]

Strokes of a 3 px brush are drawn on the labelled images of the few-shot benchmark, as many pixels
of the rare class as of the rest. Each training is made once and its model twice, with the shares of
the strokes and with those of the images; scored is the mean IoU of membrane, nucleus and cell on
parts of the training sets that are not trained on. Steps instead of seconds, so that the figures do
not depend on the machine. One line of JSON each.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from benchmarks.common import report
from benchmarks.few_shot.sets import TASKS, Pair, Task
from benchmarks.strokes import brush, walk
from scipy import ndimage

from napari_unet.core import prepare
from napari_unet.model.model import Model

FOREGROUND = {"isbi-1": 0, "dsb-8": 1, "u373": 1}
"""The class that is scored; 0 is membrane in ISBI."""
PAINTED = {"isbi-1": 0.015, "dsb-8": 0.02, "u373": 0.005}
"""Part of the pixels under strokes."""
STEPS = {"strokes": 150, "live": 80}
SHORTEST, LONGEST = 8, 40
"""Pixels of a stroke's centre line: nuclei are small."""
TRIES = 2000
SCORED = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", default=",".join(FOREGROUND))
    parser.add_argument("--presets", default=",".join(STEPS))
    parser.add_argument("--start", default="auto", help="general, random, or general if it fits")
    options = parser.parse_args()
    for name in options.tasks.split(","):
        for preset in options.presets.split(","):
            scores = [
                compare(TASKS[name], preset, seed, options.start) for seed in range(options.seeds)
            ]
            report(
                benchmark="stroke_shares",
                task=name,
                preset=preset,
                start=options.start,
                steps=STEPS[preset],
                **{
                    key: [round(float(one[key]), 3) for one in scores]
                    for key in ("iou_labels", "iou_image", "share_labels", "share_image", "true")
                },
            )


def compare(task: Task, preset: str, seed: int, start: str) -> dict[str, Any]:
    """IoU and share of the scored class with either kind of shares; its true share."""
    wanted = FOREGROUND[task.name]
    strokes = [
        draw(pair.labels > 0, PAINTED[task.name], seed + 10 * number)
        for number, pair in enumerate(task.train)
    ]
    images = [pair.image for pair in task.train]
    run = prepare(
        images,
        strokes,
        kind="scribbles",
        preset=preset,
        steps=STEPS[preset],
        seed=seed,
        start=start,
    )
    for _ in run.events():
        pass
    found: dict[str, Any] = {}
    for shares in ("labels", "image"):
        trainer = run.trainer
        trainer.preset = trainer.preset.model_copy(update={"shares": shares})
        trainer.learner.averaged.forget()
        pairs = task.scored("tuning")[:SCORED]
        rows = [score(run.model(), pair, wanted) for pair in pairs]
        found[f"iou_{shares}"], found[f"share_{shares}"], found["true"] = np.mean(rows, 0)
    return found


def score(model: Model, pair: Pair, wanted: int) -> tuple[float, float, float]:
    """IoU, predicted share and true share of the class ``wanted``."""
    predicted = model.predict(pair.image, output="classes") == wanted
    truth = (pair.labels > 0) == bool(wanted)
    iou = (predicted & truth).sum() / max(1, (predicted | truth).sum())
    return float(iou), float(predicted.mean()), float(truth.mean())


def draw(truth: np.ndarray, part: float, seed: int) -> np.ndarray:
    """Strokes on two classes, (y, x): 0 = not labelled, 1 and 2; half of ``part`` each."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(truth.shape, np.uint8)
    for value in (0, 1):
        room = ndimage.binary_erosion(truth == value, np.ones((3, 3)))
        starts = np.argwhere(room)
        for _ in range(TRIES if len(starts) else 0):
            if (labels == value + 1).sum() >= part * truth.size / 2:
                break
            start = starts[generator.integers(len(starts))]
            line = walk(room, start, int(generator.integers(SHORTEST, LONGEST)), generator)
            if len(line) >= SHORTEST:
                labels[brush(line, truth.shape)] = value + 1
    return labels


if __name__ == "__main__":
    main()
