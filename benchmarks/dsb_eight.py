"""DSB 2018: train on eight images as objects, AP at IoU 0.5 over all 53 test images, pooled.

Predicted objects under a tenth of the median training object are dropped.

python benchmarks/dsb_eight.py [--budget 60s] [--seed 0] [--errors]

``--errors`` prints another line for the images of each size, as which they come from one microscope
or another: true objects, those that are predicted together with others (``merged``), those that are
missed, and predicted ones that are no objects (``false``).
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict

import numpy as np
from common import data, read, report

from napari_unet import train
from napari_unet.annotations.objects import drop_small
from napari_unet.evaluation.matching import Matching, average_precision
from napari_unet.evaluation.object_errors import find_errors

POSITIONS = (6, 20, 34, 47, 61, 74, 88, 102)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    folder = data("dsb2018_fluo")
    files = sorted((folder / "train" / "images").iterdir())
    chosen = [files[i] for i in POSITIONS]
    masks = [read(folder / "train" / "masks" / f.name) for f in chosen]
    images = [read(f) for f in chosen]
    model = train(images, masks, kind="objects", budget=options.budget, seed=options.seed)
    sizes = np.concatenate([np.unique(m[m > 0], return_counts=True)[1] for m in masks])
    least = int(np.median(sizes) / 10)
    total = Matching(0, 0, 0)
    by_size: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for file in sorted((folder / "test" / "images").iterdir()):
        found = drop_small(model.predict(read(file), output="objects"), least)
        truth = read(folder / "test" / "masks" / file.name)
        total += average_precision(found, truth)
        if options.errors:
            by_size["x".join(map(str, truth.shape))] += kinds(found, truth)
    for size, counts in sorted(by_size.items()):
        report(benchmark="dsb_eight", budget=options.budget, size=size, **counts)
    report(
        benchmark="dsb_eight",
        budget=options.budget,
        seed=options.seed,
        steps=model.header.history.steps,
        ap50=round(total.ap, 4),
        tp=total.tp,
        fp=total.fp,
        fn=total.fn,
    )


def kinds(found: np.ndarray, truth: np.ndarray) -> Counter[str]:
    """Images, true objects, and how many objects are wrong in which way."""
    counts = Counter({"images": 1, "objects": len(np.unique(truth[truth > 0]))})
    counts["hit"] = average_precision(found, truth).tp
    for error in find_errors(found, truth):
        counts[error.kind] += len(error.truth) if error.kind == "merged" else 1
    return counts


if __name__ == "__main__":
    main()
