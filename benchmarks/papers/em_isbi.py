"""U-Net 2015 on electron microscopy: warping, Rand and pixel error on ISBI 2012, and an ablation.

python benchmarks/papers/em_isbi.py [--budget 30m] [--variants full,no_weights,no_elastic]
    [--preset live] [--width 16] [--set FIELD=VALUE] [--train 0-14] [--threshold-on 13,14]
    [--test 20-29] [--seed 0] [--steps N]

Own split, since the labels of the challenge's test slices are not public: trained on 00..14 without
those that the threshold is chosen on, tested on 20..29; 15..19 are not used. Inside one training
the averaged model is kept after 1, 2, 5, 10, 20 and 30 minutes and scored with and without the
average over eight views. Killed and repeated, it goes on: nothing that is finished is done again.

Errors are means over slices at one threshold for all. The *test-optimal* one is the lowest over
thresholds on the test slices themselves, as the challenge reported it; no method can know that
threshold. The other threshold is the best one on the held-out training slices.

The Rand error is given twice: of the plain thresholded picture as in the paper, and of cells cut by
a watershed of the same probability, which the paper did not use. So is the pixel error: as the part
of wrong pixels, and as 1 - F of the pixels inside cells, which the challenge's rules call by the
same name.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common_papers import (
    Records,
    data,
    key_of,
    length_of,
    lowest,
    numbers,
    read,
    recipe_of,
    recipe_options,
    rounded,
    run_options,
)
from long_run import Moment, marks_within, train_with_marks
from scipy import ndimage
from skimage.segmentation import watershed

from napari_unet.annotations.objects import components
from napari_unet.evaluation.em import pixel_error, pixel_f_error, rand_error, warping_error
from napari_unet.model.model import Model, load

VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "no_weights": {"w0": 0.0},
    "no_elastic": {"elastic_sd": 0.0},
}
"""What each leaves out. The rotations of prediction need no training of their own."""
MINUTES = (1, 2, 5, 10, 20, 30)
THRESHOLDS = (0.02, *(n / 20 for n in range(1, 20)), 0.98)
COARSE = tuple(n / 10 for n in range(1, 10))
"""For the warping error, which takes long."""
SMOOTHING, SMALLEST_SEED, FLOODED = 1.5, 100, 0.02
"""Of the watershed, in pixels, pixels and probability; found on slices 15..19."""

Slices = list[tuple[Any, Any]]


def watershed_rand_error(probability: Any, truth: Any, threshold: float) -> float:
    """Rand error of cells that grow from where the smoothed probability exceeds ``threshold``.

    They grow into all that is not almost certainly membrane, with a line of one pixel left between
    them: a gap in a membrane then joins no cells, and thick membranes cost nothing.
    """
    smooth = ndimage.gaussian_filter(probability, SMOOTHING)
    seeds, n = ndimage.label(smooth > threshold)
    large = np.bincount(seeds.ravel()) >= SMALLEST_SEED
    seeds = np.where(large, np.arange(n + 1), 0)[seeds]
    grown = watershed(-smooth, seeds, mask=probability > FLOODED, watershed_line=True)
    return rand_error((grown > 0).astype(np.float32), truth)


ERRORS: dict[str, Callable[[Any, Any, float], float]] = {
    "rand": rand_error,
    "rand_watershed": watershed_rand_error,
    "pixel": pixel_error,
    "pixel_f": pixel_f_error,
    "warping": warping_error,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    run_options(parser, budget="30m")
    recipe_options(parser)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--train", default="0-14")
    parser.add_argument("--threshold-on", default="13,14", help="held out of --train")
    parser.add_argument("--test", default="20-29")
    parser.add_argument(
        "--fill",
        type=int,
        default=0,
        help="predicted membrane in 8-connected pieces of fewer pixels counts as cell",
    )
    parser.add_argument("--name", default="em_isbi", help="of the file of results")
    options = parser.parse_args()
    records = Records(options.out / f"{options.name}.json")
    for variant in options.variants.split(","):
        settings = {
            "variant": variant,
            "recipe": recipe_of(options) | VARIANTS[variant],
            "steps": options.steps,
            "budget": None if options.steps else options.budget,
            "train": sorted(set(numbers(options.train)) - set(numbers(options.threshold_on))),
            "threshold_on": numbers(options.threshold_on),
            "test": numbers(options.test),
            "fill": options.fill,
        }
        if (known := records.find(settings)) and set(ERRORS) <= set(known["points"][-1]["views"]):
            print(f"{variant}: there already")
            continue
        print(f"{variant}:", flush=True)
        records.add(settings, run(settings, options))


def run(settings: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Train one variant, or go on with it, and score its moments."""
    steps, budget = length_of(options)
    learn = slices(settings["train"])
    whole = steps or budget or 0
    # In a run of steps the marks lie where they would lie in half an hour.
    minutes = [m * 60 if budget else m * whole / MINUTES[-1] for m in MINUTES]
    # The scores of another clean-up or other test slices are of the same training.
    trained = {k: settings[k] for k in ("variant", "recipe", "steps", "budget", "train")}
    folder = options.work / "em_isbi" / f"{settings['variant']}-{key_of(trained)}"
    moments = train_with_marks(
        folder,
        [image for image, _ in learn],
        # Cells are objects, so that the membranes between them get their weights.
        [components(truth) for _, truth in learn],
        marks=marks_within(minutes, whole),
        steps=steps,
        budget=budget,
        kind="objects",
        tell=say,
        **settings["recipe"],
    )
    points = [score(one, folder, settings, last=one is moments[-1]) for one in moments]
    model = load(moments[-1].model)
    return {
        "network": model.header.network,
        "arguments": model.header.arguments,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "preset": dict(model.header.preset),
        "seed": settings["recipe"]["seed"],
        "points": points,
    }


def score(moment: Moment, folder: Path, settings: dict[str, Any], *, last: bool) -> dict[str, Any]:
    """All errors of one model; kept in the folder, so that it is computed once."""
    kept = Records(folder / "scores.json")
    key = {"mark": moment.mark} | {k: settings[k] for k in ("threshold_on", "test", "fill")}
    wanted = set(ERRORS) if last else {"rand", "pixel", "pixel_f"}
    point = (kept.find(key) or {"point": {}})["point"]
    if wanted <= set(point.get("views", {})):
        return point
    model = load(moment.model)
    point |= {"seconds": moment.seconds, "step": moment.step}
    for name, rotations in (("single", False), ("views", True)):
        chosen_on = predicted(model, settings["threshold_on"], rotations)
        tested = predicted(model, settings["test"], rotations)
        before = point.setdefault(name, {})
        for error in (e for e in ERRORS if e in wanted and e not in before):
            before[error] = figures(error, tested, chosen_on, settings["fill"])
    point = rounded(point, 6)
    rand, pixel = (point["views"][e]["test_optimal"]["error"] for e in ("rand", "pixel"))
    say(f"  {moment.seconds:.0f} s: Rand error {rand:.4f}, pixel error {pixel:.4f} (test-optimal)")
    kept.add(key, {"point": point})
    return point


def figures(error: str, tested: Slices, chosen_on: Slices, fill: int = 0) -> dict[str, Any]:
    """The error at the test-optimal threshold and at the one chosen on other slices."""
    thresholds = COARSE if error == "warping" else THRESHOLDS
    found: dict[str, Any] = {}
    threshold, value = lowest([(t, mean_error(error, tested, t, fill)) for t in thresholds])
    found["test_optimal"] = {"threshold": threshold, "error": value}
    if chosen_on:
        threshold, value = lowest([(t, mean_error(error, chosen_on, t, fill)) for t in thresholds])
        found["chosen"] = {
            "threshold": threshold,
            "held_out": value,
            "error": mean_error(error, tested, threshold, fill),
        }
    return found


def mean_error(error: str, pairs: Slices, threshold: float, fill: int = 0) -> float:
    return float(
        np.mean([ERRORS[error](filled(p, threshold, fill), y, threshold) for p, y in pairs])
    )


def filled(probability: Any, threshold: float, fewest: int) -> Any:
    """Probability of cell, 1 on islands of membrane of fewer pixels.

    Membranes between cells hang together; islands are organelles taken for membranes.
    """
    if not fewest:
        return probability
    pieces, _ = ndimage.label(probability <= threshold, np.ones((3, 3)))
    small = np.bincount(pieces.ravel()) < fewest
    small[0] = False
    return np.where(small[pieces], np.ones_like(probability), probability)


def predicted(model: Model, wanted: list[int], rotations: bool) -> Slices:
    """Probability of cell, and truth."""
    return [
        (model.predict(image, rotations=rotations)[1], truth) for image, truth in slices(wanted)
    ]


def slices(wanted: list[int]) -> Slices:
    """(image, cells) of the numbered slices."""
    folder = data("isbi2012")
    return [
        (
            read(folder / "images" / f"{n:02d}.png"),
            read(folder / "masks" / f"{n:02d}.png") > 0,
        )
        for n in wanted
    ]


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
