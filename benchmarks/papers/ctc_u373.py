"""U-Net 2015 on phase contrast: SEG and AP50 on PhC-C2DH-U373 of the Cell Tracking Challenge.

python benchmarks/papers/ctc_u373.py [--budget 15m] [--preset live] [--width 16] [--seed 0]
    [--set FIELD=VALUE] [--train 01] [--test 02] [--steps N]

Trained on sequence 01, tested on sequence 02; the challenge's own test sequences have no public
truth. ``--train`` and ``--test`` take beginnings of file names, so settings can be chosen inside
sequence 01: ``--train 01_t0 --test 01_t1``. Inside one training the averaged model is kept after 1,
2, 5, 10 and 15 minutes. Killed and repeated, it goes on.

Cells near the border of the frame are visible but not labelled. Training: 0 is background only
farther than 50 pixels from the border, and not labelled nearer to it. Scores: SEG is the mean over
the true cells of all frames, as in the challenge, nothing left out. AP50 = TP / (TP + FP + FN) over
all frames; a predicted object without a partner is not counted as false when more than half of it
lies in the margin of 50 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from common_papers import (
    Records,
    data,
    key_of,
    length_of,
    read,
    recipe_of,
    recipe_options,
    rounded,
    run_options,
)
from long_run import Moment, marks_within, train_with_marks

from napari_unet.evaluation.ctc import CellScores, cell_scores
from napari_unet.evaluation.matching import Matching, measure_overlaps
from napari_unet.model.model import Model, load

MARGIN = 50
MINUTES = (1, 2, 5, 10, 15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    run_options(parser, budget="15m")
    recipe_options(parser)
    parser.add_argument("--train", default="01")
    parser.add_argument("--test", default="02")
    parser.add_argument("--name", default="ctc_u373", help="of the file of results")
    options = parser.parse_args()
    records = Records(options.out / f"{options.name}.json")
    settings = {
        "recipe": recipe_of(options),
        "steps": options.steps,
        "budget": None if options.steps else options.budget,
        "train": options.train,
        "test": options.test,
    }
    if records.find(settings):
        print("there already")
        return
    records.add(settings, run(settings, options))


def run(settings: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train, or go on, and score the moments."""
    steps, budget = length_of(options)
    learn = frames(settings["train"])
    whole = steps or budget or 0
    minutes = [m * 60 if budget else m * whole / MINUTES[-1] for m in MINUTES]
    trained = {k: settings[k] for k in ("recipe", "steps", "budget", "train")}
    folder = options.work / "ctc_u373" / key_of(trained)
    moments = train_with_marks(
        folder,
        [image for image, _ in learn],
        [cells for _, cells in learn],
        marks=marks_within(minutes, whole),
        steps=steps,
        budget=budget,
        kind="objects",
        regions=[~margin(cells.shape) for _, cells in learn],
        tell=say,
        **settings["recipe"],
    )
    points = [score(one, folder, settings) for one in moments]
    model = load(moments[-1].model)
    return {
        "network": model.header.network,
        "arguments": model.header.arguments,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "preset": dict(model.header.preset),
        "seed": settings["recipe"]["seed"],
        "points": points,
    }


def score(moment: Moment, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Scores of one model; kept in the folder."""
    kept = Records(folder / "scores.json")
    key = {"mark": moment.mark, "test": settings["test"]}
    if (known := kept.find(key)) is not None:
        return known["point"]
    model = load(moment.model)
    point: dict[str, Any] = {"seconds": moment.seconds, "step": moment.step}
    for name, rotations in (("single", False), ("views", True)):
        point[name] = figures(model, frames(settings["test"]), rotations)
        say(f"  {moment.seconds:.0f} s, {name}: {point[name]}")
    point = rounded(point)
    kept.add(key, {"point": point})
    return point


def figures(model: Model, tested: list[tuple[Any, Any]], rotations: bool) -> dict[str, Any]:
    """SEG, DET and AP50 over all frames."""
    cells, matched = CellScores(), Matching(0, 0, 0)
    for image, truth in tested:
        found = model.predict(image, output="objects", rotations=rotations)
        cells += cell_scores(found, truth)
        matched += matching(found, truth)
    return {
        "seg": round(cells.seg, 4),
        "det": round(cells.det, 4),
        "ap50": round(matched.ap, 4),
        "cells": cells.true,
        "missed": cells.missed,
        "tp": matched.tp,
        "fp": matched.fp,
        "fn": matched.fn,
    }


def matching(found: Any, truth: Any) -> Matching:
    """At IoU 0.5, without false objects that lie mostly in the margin."""
    overlaps = measure_overlaps(found, truth)
    plain = overlaps.matching(0.5)
    _, partners, _ = overlaps.pairs(0.5)
    sizes, outside = np.bincount(found.ravel()), np.bincount(found[margin(found.shape)])
    alone = np.setdiff1d(overlaps.prediction, overlaps.prediction[partners])
    outside = np.pad(outside, (0, len(sizes) - len(outside)))
    forgiven = int((2 * outside[alone] > sizes[alone]).sum())
    return Matching(plain.tp, plain.fp - forgiven, plain.fn, plain.iou_sum)


def margin(shape: tuple[int, ...]) -> Any:
    """True in the band along the border where not every cell is labelled."""
    band = np.ones(shape, bool)
    band[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    return band


def frames(beginnings: str) -> list[tuple[Any, Any]]:
    """(image, ids) of the files whose names begin so."""
    folder = data("ctc_phc_u373")
    chosen = [
        file
        for file in sorted((folder / "images").iterdir())
        if file.name.startswith(tuple(beginnings.split(",")))
    ]
    return [(read(f), read(folder / "masks" / f.name).astype(np.int32)) for f in chosen]


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
