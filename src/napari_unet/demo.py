"""The main job on the bundled photograph: train on strokes, predict, score a part never trained on.

Leaves ``model.unet``, ``demo.png`` and ``scores.json``. Only :func:`run` imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.objects import objects_from_probability
from napari_unet.demo_picture import demo_picture
from napari_unet.errors import UserError
from napari_unet.evaluation.matching import average_precision
from napari_unet.evaluation.report import evaluate
from napari_unet.project.files import atomic, disk_error, write_json
from napari_unet.samples import Coins, coins
from napari_unet.training.events import Event

MODEL, PICTURE, SCORES = "model.unet", "demo.png", "scores.json"
"""What a demo leaves in its folder."""

MIN_OBJECT_SIZE = 100
"""Pixels: smaller things are specks, not coins (the smallest coin has more than 1000)."""


def run(
    out: str | Path,
    *,
    budget: float | None = 30.0,
    steps: int | None = None,
    seed: int = 0,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Train on the strokes for ``budget`` seconds (or ``steps``), predict, score; the scores.

    Files appear in ``out`` one by one, each whole. Raises UserError when they cannot be written.
    """
    from napari_unet.core import train

    out = prepare(out)
    sample = coins()
    model = train(
        [sample.image],
        [sample.scribbles()],
        kind="scribbles",
        classes=sample.classes,
        budget=budget,
        steps=steps,
        seed=seed,
        on_event=on_event,
    )
    model.save(out / MODEL)
    history = model.header.history
    return write_results(
        out,
        model.predict(sample.image),
        seconds=history.seconds,
        steps=history.steps,
    )


def prepare(out: str | Path) -> Path:
    """Make the folder. Raises UserError when that is not possible."""
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, f"The folder {out}") from error
    return out


def write_results(
    out: Path,
    probability: npt.NDArray[np.float32],
    *,
    seconds: float,
    steps: int,
) -> dict[str, Any]:
    """Write picture and scores of a ``probability`` (class, y, x) of the whole photograph."""
    sample = coins()
    if probability.shape != (len(sample.classes), *sample.image.shape):
        raise UserError(
            f"The demo needs a prediction of {len(sample.classes)} classes for the whole picture "
            f"of coins, not one of shape {probability.shape}."
        )
    scores = score(sample, probability) | {"steps": steps, "seconds": seconds}
    try:
        with atomic(out / PICTURE) as file:
            demo_picture(sample, probability, scores).save(file, "PNG")
    except OSError as error:
        raise disk_error(error, str(out / PICTURE)) from error
    write_json(out / SCORES, json.dumps(scores, indent=1))
    return scores


def score(sample: Coins, probability: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Metrics on the scored part, and how much was painted on the other."""
    rows = slice(*sample.scored_rows)
    truth = sample.objects()[rows]
    classes = probability.argmax(0).astype(np.uint8)[rows]
    found = objects_from_probability(probability[:, rows], MIN_OBJECT_SIZE, separated=False)
    pair = ("coins", classes, (truth > 0).astype(np.uint8))
    by_pixel = evaluate([pair], "classes", ["iou", "dice", "pixel_error"])["pooled"]
    matching = average_precision(found, truth, 0.5)
    painted = int((sample.scribbles() > 0).sum())
    return {
        "sample": "coins",
        "iou": by_pixel["iou"],
        "dice": by_pixel["dice"],
        "pixel_error": by_pixel["pixel_error"],
        "ap50": matching.ap,
        "objects_found": matching.tp,
        "objects_missed": matching.fn,
        "objects_wrong": matching.fp,
        "min_object_size": MIN_OBJECT_SIZE,
        "scored_rows": list(sample.scored_rows),
        "train_rows": list(sample.train_rows),
        "strokes": len(sample.strokes),
        "painted_pixels": painted,
        "painted_fraction": painted / sample.image.size,
    }
