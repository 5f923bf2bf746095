"""ISBI slice 00 from strokes alone: 3 px wide, 30 to 80 px long, never crossing classes, half of
the pixels per class, 1.5 % of the image; median membrane IoU of seeds 0..2 on slices 20..29. A few
seconds on the strokes of bbbc007_scribbles follow, which must train without an error.

python benchmarks/scribbles.py [--budget 30s] [--seeds 3] [--preset strokes] [--val auto]
                               [--slices tuning]
"""

from __future__ import annotations

import argparse

import numpy as np
from common import data, membrane_scores, read, report
from scipy import ndimage
from strokes import brush, walk

from napari_unet import train


def draw(truth: np.ndarray, seed: int, part: float = 0.015) -> np.ndarray:
    """Strokes on a map of two classes: 0 = not labelled, 1 = class 0, 2 = class 1.

    A stroke is a smooth walk of a 3 x 3 brush; it ends where it would leave its class, and counts
    when it is at least 30 px long.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(truth.shape, np.uint8)
    wanted = part * truth.size / 2
    for value in (0, 1):
        # Where the whole brush lies inside the class.
        room = ndimage.binary_erosion(truth == value, np.ones((3, 3)))
        starts = np.argwhere(room)
        painted = 0
        while painted < wanted:
            start = starts[generator.integers(len(starts))]
            line = walk(room, start, int(generator.integers(30, 81)), generator)
            if len(line) < 30:
                continue
            labels[brush(line, truth.shape)] = value + 1
            painted = int((labels == value + 1).sum())
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="30s")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="strokes")
    parser.add_argument("--val", default="auto")
    parser.add_argument("--slices", choices=("test", "tuning"), default="test")
    options = parser.parse_args()
    slices = range(20, 30) if options.slices == "test" else range(3, 15, 3)
    folder = data("isbi2012")
    image = read(folder / "images" / "00.png")
    truth = (read(folder / "masks" / "00.png") > 0).astype(np.uint8)
    scores = []
    for seed in range(options.seeds):
        strokes = draw(truth, seed)
        model = train(
            [image],
            [strokes],
            kind="scribbles",
            budget=options.budget,
            seed=seed,
            preset=options.preset,
            validation=options.val,
        )
        membrane, cell, _ = membrane_scores(model, slices)
        scores.append(membrane)
        report(
            benchmark="scribbles",
            seed=seed,
            preset=options.preset,
            val=options.val,
            slices=options.slices,
            painted=round(float((strokes > 0).mean()), 4),
            steps=model.header.history.steps,
            membrane_iou=round(membrane, 4),
            cell_iou=round(cell, 4),
        )
    few = data("bbbc007_scribbles")
    model = train(str(few / "images"), str(few / "masks"), kind="scribbles", budget="5s")
    report(
        benchmark="scribbles",
        median_membrane_iou=round(float(np.median(scores)), 4),
        bbbc007_steps=model.header.history.steps,
    )


if __name__ == "__main__":
    main()
