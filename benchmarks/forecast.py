"""Does the forecast come true? Checked on real training curves.

For each data set, seed and number of images (1 to 3) a network is trained on the images without a
quarter of their places, and scored on held-out blocks every few steps, as in the window. Then it is
asked:

- time: at 1/4 of the budget for 1/2, at 1/2 for all of it (as the dock does), and at 1/4 for all of
  it (further than the dock would go): how often did the 90 % interval hold what came (the mean of
  three scores around that moment, less the present level), how far off was the middle, and how far
  off is it to say that the score stays?
- score: how often does the 95 % interval of the last score hold the true one of the quarter that
  was left out, places amid the labels, and of other images? (U373: cells near its border are not
  labelled, so that neither is quite true there.)
- labels: trained anew with 25, 35, 50 and 70 % of the labels, what is said for all of them?

Steps stand for seconds, so that the figures do not depend on what else the machine does.

python benchmarks/forecast.py [--data isbi dsb u373] [--steps 480] [--seeds 3] [--images 1 2 3]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from active import load
from common import ROOT, about_machine

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.core import make_trainer
from napari_unet.evaluation.intervals import score_interval
from napari_unet.evaluation.overlap import confusion, iou
from napari_unet.forecast.forecasts import CONFIDENCE, Forecast, forecast_labels, forecast_time
from napari_unet.forecast.points import HeldOutScore, records
from napari_unet.images.image import Box, Image
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Progress
from napari_unet.training.trainer import Trainer
from napari_unet.training.validation import held_out_tables, pooled

SETTINGS = {"tile": 96, "batch": 4, "arguments": {"width": 12, "depth": 3}}
SCORES = 48
"""Scores along a training."""
SECONDS = 480.0
"""That a whole training is said to last."""
CELLS, UNSEEN = 6, 9
"""Each image is cut into 6 x 6 places, 9 of which are never labelled: they tell the truth."""
GUARD = 16
"""Pixels around them that are not labelled either."""
PARTS = (0.25, 0.35, 0.5, 0.7, 1)
Pair = tuple[np.ndarray, np.ndarray]


def trainer_of(pairs: list[Pair], part: float, seed: int) -> Trainer:
    """A trainer on ``part`` of the rows that may be labelled, and the general start weights."""
    images = []
    for number, (image, truth) in enumerate(pairs):
        strokes = truth + np.uint8(1)
        for (a, b), (c, d) in unseen(truth.shape, seed + 100 * number):
            strokes[max(0, a - GUARD) : b + GUARD, max(0, c - GUARD) : d + GUARD] = 0
        strokes[max(48, round(part * len(truth))) :] = 0
        name = str(number)
        images.append(
            LabelledImage(Image(name, image, "yx"), Image(name, strokes, "yx"), "scribbles")
        )
    return make_trainer(
        images,
        settings=SETTINGS,
        classes=2,
        seed=seed,
        device="cpu",
        precision="float32",
    )


def unseen(shape: tuple[int, ...], seed: int) -> list[Box]:
    """Places that are never labelled, scattered: images differ from top to bottom."""
    rows, columns = (np.linspace(0, n, CELLS + 1).astype(int) for n in shape)
    chosen = np.random.default_rng(seed).permutation(CELLS * CELLS)[:UNSEEN]
    return [
        ((int(rows[y]), int(rows[y + 1])), (int(columns[x]), int(columns[x + 1])))
        for y, x in (divmod(int(n), CELLS) for n in chosen)
    ]


def curve(trainer: Trainer, steps: int, scores: int) -> list[HeldOutScore]:
    """The scores of a training; without a limit, as in the window."""
    found: list[HeldOutScore] = []
    every = max(1, steps // scores)
    for event in trainer.run():
        if not isinstance(event, Progress) or event.validation is not None:
            continue
        if event.step % every == 0:
            found.append(score(trainer, event.step, SECONDS * event.step / steps))
        if event.step >= steps:
            trainer.stop()
    return found


def score(trainer: Trainer, step: int, seconds: float) -> HeldOutScore:
    """What the window would show now."""
    tables = held_out_tables(trainer.data, trainer.predictor(), trainer.classes)
    values, pixels = pooled(tables, trainer.classes)
    sure = score_interval(tables)
    labelled = sum(int(p.trained.sum()) for p in trainer.data.planes.values())
    return HeldOutScore(
        step, seconds, values, sure.low, sure.high, sure.unit, sure.count, sure.images, sure.reason,
        pixels, labelled,
    )  # fmt: skip


def true_score(trainer: Trainer, pairs: list[Pair], places: list[list[Box]]) -> float:
    """Mean IoU of all ``places`` of each image together."""
    predictor = trainer.predictor()
    table = np.zeros((2, 2), np.int64)
    for (image, truth), boxes in zip(pairs, places, strict=True):
        opened = Image("unseen", image, "yx")
        normalised = trainer.data.normalisation.for_image(opened)
        for box in boxes:
            found = predictor.region(
                lambda part, n=normalised, o=opened: n.apply(o.read((), part)), truth.shape, box
            )
            inside = tuple(slice(a, b) for a, b in box)
            table += confusion(found.argmax(0), truth[inside], 2, ignore=UNLABELLED)
    return float(np.nanmean(iou(table)))


def asked(found: list[HeldOutScore], at: float, until: float) -> dict[str, Any] | None:
    """A forecast made at one part of the budget, and what came at a later one."""
    now, then = round(at * len(found)), round(until * len(found))
    known = found[:now]
    if until <= 2 * at:
        said = forecast_time(known, more=found[then - 1].seconds - known[-1].seconds)
    else:
        said = beyond(known, found[then - 1].seconds)
    if said.gain is None or said.middle is None or said.x is None:
        return None
    present = float(said.middle[np.searchsorted(said.x, known[-1].seconds)])
    came = [s.mean for s in found[max(now, then - 2) : then + 1] if s.mean is not None]
    return _compared(said, float(np.mean(came)) - present)


def beyond(known: list[HeldOutScore], until: float) -> Forecast:
    """Further than the dock would go: the same curves, with no rule against it."""
    from napari_unet.forecast import forecasts

    x = np.array([s.seconds for s in known])
    y = np.array([s.mean for s in known])
    return forecasts._forecast(
        x, y, until - float(x[-1]), amount="", words=("", ""), other="", worse=""
    )


def _compared(said: Forecast, came: float) -> dict[str, Any]:
    assert said.low is not None
    assert said.high is not None
    assert said.gain is not None
    return {
        "kind": said.kind,
        "gain": round(said.gain, 4),
        "low": round(said.low, 4),
        "high": round(said.high, 4),
        "came": round(came, 4),
    }


def one_case(name: str, images: int, seed: int, steps: int, with_labels: bool) -> dict[str, Any]:
    """All questions about one training."""
    pool, test = load(name)
    order = np.random.default_rng(seed).permutation(len(pool))
    pairs = [pool[n] for n in order[:images]]
    trainer = trainer_of(pairs, 1, seed)
    found = curve(trainer, steps, SCORES)
    case: dict[str, Any] = {"curve": [s.mean and round(s.mean, 4) for s in found]}
    if any(s.mean is None for s in found):
        return case | {"nothing held out": True}
    for at, until in ((0.25, 0.5), (0.5, 1), (0.25, 1)):
        case[f"time {at:g} to {until:g}"] = asked(found, at, until)
    last = found[-1]
    case["score"] = {
        "mean": last.mean,
        "low": last.low,
        "high": last.high,
        "units": last.units,
        "amid the labels": true_score(
            trainer, pairs, [unseen(t.shape, seed + 100 * n) for n, (_, t) in enumerate(pairs)]
        ),
        "other images": true_score(
            trainer, test, [[tuple((0, n) for n in t.shape)] for _, t in test]
        ),
    }
    if with_labels:
        case["labels"] = labels_case(pairs, seed, steps, found)
    return case


def labels_case(
    pairs: list[Pair], seed: int, steps: int, whole: list[HeldOutScore]
) -> dict[str, Any] | None:
    """What is said at half of the labels for all of them, and what they gave."""
    known, came = [], records(whole, "all", "unet")
    for part in PARTS[:-1]:
        found = curve(trainer_of(pairs, part, seed), steps, 6)
        known += records(found[-3:], str(part), "unet")
    if not known or not came:
        return None
    most = max(k.labelled for k in known)
    said = forecast_labels(known, more=min(came[-1].labelled - most, most))
    if said.gain is None or said.middle is None or said.x is None:
        return None
    present = float(said.middle[np.searchsorted(said.x, most)])
    return _compared(said, came[-1].last - present)


def summary(cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Coverage and mean absolute errors by question, over all cases."""
    found: dict[str, Any] = {}
    for question in ("time 0.25 to 0.5", "time 0.5 to 1", "time 0.25 to 1", "labels"):
        answers = [c[question] for c in cases.values() if c.get(question)]
        asked_at_all = sum(question in c for c in cases.values())
        said = [a for a in answers if a["kind"] != "cannot"]
        if not said:
            found[question] = {"asked": asked_at_all, "answered": 0}
            continue
        came = np.array([a["came"] for a in said])
        low, high = (np.array([a[k] for a in said]) for k in ("low", "high"))
        found[question] = {
            "asked": asked_at_all,
            "answered": len(said),
            "confidence": CONFIDENCE,
            "coverage": round(float(((low <= came) & (came <= high)).mean()), 3),
            "median width": round(float(np.median(high - low)), 4),
            "mean absolute error": round(
                float(np.abs(came - np.array([a["gain"] for a in said])).mean()), 4
            ),
            "error of saying it stays": round(float(np.abs(came).mean()), 4),
            "kinds": {k: sum(a["kind"] == k for a in said) for k in {a["kind"] for a in said}},
        }
    scored = [c["score"] for c in cases.values() if "score" in c]
    sure = [s for s in scored if s["low"] is not None]
    for place in ("amid the labels", "other images"):
        if sure:
            hits = [s["low"] <= s[place] <= s["high"] for s in sure]
            off = [s["mean"] - s[place] for s in sure]
            found[f"score interval, {place}"] = {
                "asked": len(scored),
                "answered": len(sure),
                "confidence": 0.95,
                "coverage": round(float(np.mean(hits)), 3),
                "median width": round(float(np.median([s["high"] - s["low"] for s in sure])), 4),
                "mean difference": round(float(np.mean(off)), 4),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["isbi", "dsb", "u373"])
    parser.add_argument("--images", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=480)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-labels", action="store_true", help="leave the five trainings out")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "forecast.json"
    )
    options = parser.parse_args()
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    cases = known.get("cases", {})
    for seed in range(options.seeds):
        for name in options.data:
            for images in options.images:
                key = f"{name}/{images} images/seed {seed}/{options.steps} steps"
                if key in cases:
                    continue
                cases[key] = one_case(name, images, seed, options.steps, not options.no_labels)
                result = {"summary": summary(cases), "machine": about_machine(), "cases": cases}
                options.out.parent.mkdir(exist_ok=True)
                options.out.write_text(json.dumps(result, indent=1) + "\n")
                print(key, flush=True)
    print(json.dumps(summary(cases), indent=1))


if __name__ == "__main__":
    main()
