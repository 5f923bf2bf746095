"""Do the start weights, learned on planes, help volumes?

OMP_NUM_THREADS=1 python -m benchmarks.start_volumes [--sets hippocampus,nerve_cord,ovule]
    [--starts random,general] [--steps 20,60] [--seeds 2] [--budget 120s] [--set FIELD=VALUE]

Each start is trained alike, with the recipe ``live`` for volumes, for a number of steps (or, with
--budget, for a time), and scored by the mean Dice of the classes on what is not trained on, by one
line of JSON for each run:

- ``hippocampus``: 4 MRI volumes of ``msd_hippocampus``, anterior and posterior (background is not
  scored); scored on 5 others, all of the training part (every third by name is for tests).
- ``nerve_cord``: sections 0 to 5 of ``vnc_sstem``, 400 x 400 pixels of each, membrane (the rest is
  not scored); scored on sections 8 to 11, 380 x 380 pixels elsewhere in the plane.
- ``ovule``: the left 56 columns of ``plant_ovule_cells_3d``, cells as objects; scored by cells and
  the walls between them in columns 72 to 127.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tifffile
from benchmarks.common import data, read, report

from napari_unet import train
from napari_unet.annotations.targets import make_target
from napari_unet.cli.train import parse_settings
from napari_unet.evaluation.overlap import confusion, dice


@dataclass(frozen=True)
class Set:
    """Volumes (z, y, x) with labels; ``classes`` are scored, in what training calls them."""

    learn: list[tuple[np.ndarray, np.ndarray]]
    score: list[tuple[np.ndarray, np.ndarray]]
    classes: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--starts", default="random,general")
    parser.add_argument("--steps", default="20,60")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", help="instead of steps, as 120s")
    parser.add_argument("--set", action="append", default=[], help="of the recipe, as mirror=false")
    options = parser.parse_args()
    changed = parse_settings(options.set)
    lengths: list[dict[str, Any]] = [{"steps": int(n)} for n in options.steps.split(",")]
    if options.budget:
        lengths = [{"budget": options.budget}]
    for name in options.sets.split(","):
        volumes = SETS[name]()
        for length in lengths:
            for seed in range(options.seeds):
                for start in options.starts.split(","):
                    about = {"set": name, "start": start, "seed": seed, **length, **changed}
                    found = run(volumes, start=start, seed=seed, **length, **changed)
                    report(benchmark="start_volumes", **about, **found)


def run(volumes: Set, **options: Any) -> dict[str, Any]:
    """Train and score."""
    clock = time.perf_counter()
    model = train(
        [image for image, _ in volumes.learn],
        [labels for _, labels in volumes.learn],
        dims=3,
        validation="none",
        **options,
        **volumes.options,
    )
    seconds = time.perf_counter() - clock
    scores = []
    for image, truth in volumes.score:
        table = confusion(model.predict(image, output="classes"), truth, len(model.header.classes))
        scores.append(dice(table)[list(volumes.classes)])
    by_class = np.nanmean(scores, axis=0)
    return {
        "dice": round(float(by_class.mean()), 4),
        "by_class": [round(float(value), 4) for value in by_class],
        "steps_made": model.header.history.steps,
        "seconds": round(seconds, 1),
    }


def hippocampus() -> Set:
    folder = data("msd_hippocampus")
    names = sorted(file.name for file in (folder / "images").iterdir())
    pairs = [
        tuple(tifffile.imread(folder / part / name) for part in ("images", "masks"))
        for number, name in enumerate(names)
        if number % 3 != 2
    ]
    classes = ("background", "anterior", "posterior")
    options = {"kind": "classes", "classes": classes}
    return Set(pairs[:4], pairs[8::10], (1, 2), options)


def nerve_cord() -> Set:
    folder = data("vnc_sstem")
    files = sorted((folder / "images").iterdir())[:12]
    image = np.stack([read(file) for file in files])
    membrane = np.stack([read(folder / "masks" / file.name) == 1 for file in files])
    learn, test = np.s_[:6, 100:500, 100:500], np.s_[8:, 520:900, 520:900]
    options = {
        "kind": "classes",
        "classes": ("rest", "membrane"),
        "spacing": (50, 4.6, 4.6),
    }
    labels = membrane.astype(np.uint8)
    return Set([(image[learn], labels[learn])], [(image[test], labels[test])], (1,), options)


def ovule() -> Set:
    folder = data("plant_ovule_cells_3d")
    image, cells = (tifffile.imread(folder / part / "ovule.tif") for part in ("images", "masks"))
    left, right = np.s_[:, :, :56], np.s_[:, :, 72:]
    truth = make_target(cells[right].astype(np.int32), "objects", complete=True).classes
    options = {"kind": "objects", "spacing": (0.235, 0.15, 0.15)}
    return Set([(image[left], cells[left])], [(image[right], truth)], (0, 1), options)


SETS: dict[str, Callable[[], Set]] = {
    "hippocampus": hippocampus,
    "nerve_cord": nerve_cord,
    "ovule": ovule,
}

if __name__ == "__main__":
    main()
