"""Lean U-Net's claim on hippocampi in 3D: is a flat network, 36 times smaller, as good?

python benchmarks/lean_hippocampus.py [--steps 400] [--seeds 3] [--minutes 32]
python benchmarks/lean_hippocampus.py --table

Every network makes the same number of steps with the same recipe, tile and batch: the comparison
U-Net of Lean U-Net (arXiv 2512.03834; 4 to 64 channels, 354 thousand parameters) and LUnet of
width 4 and 8 all of them from random weights; the pruned ones half of them as that U-Net, and an
eighth after each of four rounds that take them down to the parameters of LUnet 8 (second round)
and of LUnet 4 (last round). Images of the Medical Segmentation Decathlon, sorted by name: every
third is for testing. Dice is the mean over test images of the mean over the two classes.

Results are added to benchmarks/results/lean_hippocampus.json after each network; what is there is
not done again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from common import data

from napari_unet.core import open_labelled, train
from napari_unet.evaluation.overlap import confusion, dice
from napari_unet.evaluation.statistics import bootstrap_interval
from napari_unet.images.image import Image
from napari_unet.model.model import Model, load
from napari_unet.pruning.criteria import METHODS, check_method
from napari_unet.pruning.prepare import training_data
from napari_unet.pruning.pruner import Pruner
from napari_unet.pruning.tracing import widths_of, wiring_of

RESULTS = Path(__file__).parent / "results" / "lean_hippocampus.json"
DOWN, UP = (4, 4, 8, 8, 16, 16, 32, 32, 64, 64), (32, 32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 4)
NETWORKS: dict[str, dict[str, Any]] = {
    "U-Net": {"width": 4, "widths": DOWN + UP},
    "LUnet 8": {"width": 8},
    "LUnet 4": {"width": 4},
}
TARGETS = [117_600, 39_043, 19_700, 9_939]
KEPT = {2: "39 thousand", 4: "10 thousand"}
"""Rounds whose networks are as large as a LUnet."""
# Heads lie in the scanner one way: what is anterior can be told by direction, so nothing is turned.
# The rate is that of Lean U-Net's code. In bf16, CPUs now and then return weight gradients of the
# smallest maps that are not finite.
RECIPE: dict[str, Any] = {
    "tile": 96,
    "batch": 2,
    "w0": 0.0,
    "learning_rate": 1e-2,
    "rotation": "none",
    "mirror": False,
}
PRECISION = "float32"
CLASSES = ("background", "anterior", "posterior")

Pairs = list[tuple[Image, Image]]


def read_images() -> tuple[Pairs, Pairs]:
    """(image, labels) for training and for testing."""
    folder = data("msd_hippocampus")
    pairs = [
        tuple(
            Image(file.stem, tifffile.imread(folder / part / file.name), "zyx", 3)
            for part in ("images", "masks")
        )
        for file in sorted((folder / "images").iterdir())
    ]
    return [p for i, p in enumerate(pairs) if i % 3 != 2], pairs[2::3]


def train_one(
    arguments: dict[str, Any], images: Pairs, steps: int, seed: int, device: str
) -> Model:
    return train(
        [image for image, _ in images],
        [labels for _, labels in images],
        steps=steps,
        kind="classes",
        classes=CLASSES,
        dims=3,
        network="lunet",
        arguments=arguments,
        start="random",
        validation="none",
        seed=seed,
        device=device,
        precision=PRECISION,
        **RECIPE,
    )


def prune(model: Model, images: Pairs, method: str, steps: int, seed: int, device: str) -> Pruner:
    labelled = open_labelled(
        [image for image, _ in images], [labels for _, labels in images], kind="classes", dims=3
    )
    return Pruner(
        model,
        training_data(model, labelled.images),
        targets=TARGETS,
        method=check_method(method),
        steps=steps,
        seed=seed,
        device=device,
        precision=PRECISION,
    )


@torch.no_grad()
def test_dice(model: Model, images: Pairs, device: str) -> dict[str, float]:
    """Mean Dice over both classes of each image, each predicted whole, mirrored to fit."""
    scores = {}
    network = model.network.eval().to("cuda" if device == "cuda" else "cpu")
    for image, labels in images:
        pixels = model.normalisation(image).apply(image.read())
        padding = [(0, 0)] + [(0, -n % 16) for n in pixels.shape[1:]]
        x = torch.from_numpy(np.pad(pixels, padding, "symmetric"))[None]
        found = network(x.to(next(network.parameters()).device)).argmax(1)[0].cpu().numpy()
        found = found[tuple(slice(n) for n in image.spatial_shape)]
        table = confusion(found, labels.read()[0], len(CLASSES))
        scores[image.name] = round(float(dice(table)[1:].mean()), 5)
    network.to("cpu")
    return scores


def run(steps: int, seed: int, device: str, done: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All networks of one seed that are not ``done``: a row when each is trained."""
    training, testing = read_images()

    def row(name: str, model: Model, made: int, clock: float) -> dict[str, Any]:
        wiring = wiring_of(model.network)
        widths = widths_of(model.network, wiring)
        scores = test_dice(model, testing, device)
        return {
            "network": name,
            "seed": seed,
            "steps": made,
            "parameters": wiring.parameters(widths),
            "channels": sum(widths),
            "widths": widths,
            "dice": scores,
            "mean_dice": float(np.mean(list(scores.values()))),
            "seconds": round(time.perf_counter() - clock, 1),
        }

    for name, arguments in NETWORKS.items():
        if f"{name}, seed {seed}" not in done:
            clock = time.perf_counter()
            model = train_one(arguments, training, steps, seed, device)
            yield row(name, model, steps, clock)
    half = Path(tempfile.gettempdir()) / f"lean_hippocampus-{steps}-{seed}.unet"
    for method in METHODS:
        if f"pruned ({method}) to {KEPT[4]}, seed {seed}" in done:
            continue
        if not half.exists():
            train_one(NETWORKS["U-Net"], training, steps // 2, seed, device).save(half)
        clock = time.perf_counter()
        pruner = prune(load(half), training, method, steps // 8, seed, device)
        for point in pruner.run():
            if point.round in KEPT:
                name = f"pruned ({method}) to {KEPT[point.round]}"
                yield row(name, pruner.model, steps // 2 + point.steps, clock)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: Dice, mean and sd over seeds; difference from U-Net, 95 % interval over images."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for one in rows:
        by_name.setdefault(one["network"], []).append(one)
    lines = [
        "| network | parameters | channels | steps | Dice (sd over seeds) | minus U-Net [95 %] |",
        "|---|---|---|---|---|---|",
    ]
    whole = by_name.get("U-Net", [])
    for name, same in sorted(by_name.items(), key=lambda item: -item[1][0]["parameters"]):
        scores = [one["mean_dice"] for one in same]
        spread = f" ({np.std(scores, ddof=1):.3f})" if len(scores) > 1 else ""
        lines.append(
            f"| {name} | {_span([one['parameters'] for one in same])} "
            f"| {_span([one['channels'] for one in same])} | {same[0]['steps']} "
            f"| {np.mean(scores):.3f}{spread}, {len(scores)} seed(s) | {_difference(same, whole)} |"
        )
    return "\n".join(lines)


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _difference(some: list[dict[str, Any]], whole: list[dict[str, Any]]) -> str:
    """Of seeds that both have, mean over seeds by image, interval over images."""
    other = {one["seed"]: one["dice"] for one in whole}
    pairs = [(one["dice"], other[one["seed"]]) for one in some if one["seed"] in other]
    if some is whole or not pairs:
        return "-"
    differences = [float(np.mean([a[k] - b[k] for a, b in pairs])) for k in pairs[0][0]]
    interval = bootstrap_interval(differences)
    return f"{np.mean(differences):+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    began = time.perf_counter()
    options.results.parent.mkdir(exist_ok=True)
    everything: dict[str, Any] = {}
    if options.results.exists():
        everything = json.loads(options.results.read_text("utf-8"))
    part = everything if options.table else {options.steps: everything.get(str(options.steps), {})}
    for steps, done in part.items():
        for seed in () if options.table else range(options.seeds):
            for row in run(steps, seed, options.device, done):
                done[f"{row['network']}, seed {seed}"] = row
                everything[str(steps)] = done
                options.results.write_text(json.dumps(everything, indent=1), "utf-8")
                print(row["network"], seed, row["mean_dice"], f"{row['seconds']} s", flush=True)
                if time.perf_counter() - began > 60 * options.minutes:
                    return
        print(f"\n{steps} steps\n\n{table(list(done.values()))}")


if __name__ == "__main__":
    main()
