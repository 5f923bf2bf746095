"""UNet++ at prediction: accurate (mean of all heads) against fast (pruned to a level).

python benchmarks/unetpp_fast.py [--model M.unet] [--size N] [--repeats N] [--steps N]

Seconds of whole predictions (tiles, halos and all) and of the network alone on one tile, each the
median of the repeats, the modes in turn so that a slow moment of the machine hits all alike. With
--steps (or a --model) the heads are also scored on ISBI slices 20 to 29, if the images are there.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from common import DATA, membrane_scores, read, report

import napari_unet as nu
from napari_unet.model.header import Header, NormalisationConstants, default_classes
from napari_unet.model.model import Model
from napari_unet.networks import registry

SLICES = (0, 5, 10)


def untrained(width: int, depth: int) -> Model:
    """Speed does not depend on the weights."""
    arguments: dict[str, Any] = dict(registry.spec("unetpp").live)
    arguments |= {"width": width, "depth": depth, "level": depth}
    network = registry.build("unetpp", dims=2, in_channels=1, out_channels=2, arguments=arguments)
    header = Header(
        network="unetpp",
        arguments=arguments,
        dims=2,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="yx",
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    )
    return Model(header, network.eval())


def trained(width: int, depth: int, steps: int) -> Model:
    """On three slices of ISBI 2012, cell against membrane."""
    folder = DATA / "isbi2012"
    images = [read(folder / "images" / f"{n:02d}.png") for n in SLICES]
    labels = [(read(folder / "masks" / f"{n:02d}.png") > 0).astype(np.uint8) for n in SLICES]
    return nu.train(
        images,
        labels,
        kind="classes",
        network="unetpp",
        arguments={"width": width, "depth": depth, "level": depth},
        steps=steps,
        validation="none",
    )


def seconds(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, in turn, after one that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(repeats + 1):
        for name, run in runs.items():
            clock = time.perf_counter()
            run()
            if number:
                taken[name].append(time.perf_counter() - clock)
    return {name: statistics.median(values) for name, values in taken.items()}


def network_alone(model: Model, side: int) -> Callable[[], object]:
    network = model.network.float().eval()
    x = torch.zeros(1, 1, side, side).contiguous(memory_format=torch.channels_last)

    def run() -> object:
        with torch.inference_mode():
            return network(x)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a trained UNet++ instead of one made here")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=0, help="train first, and score the heads")
    chosen = parser.parse_args()
    if chosen.model:
        model = nu.load(chosen.model)
    elif chosen.steps:
        model = trained(chosen.width, chosen.depth, chosen.steps)
    else:
        model = untrained(chosen.width, chosen.depth)
    depth = int(model.header.arguments["depth"])  # type: ignore[arg-type]
    modes = {"accurate": model} | {f"level {j}": model.fast(j) for j in range(1, depth + 1)}
    image = np.random.default_rng(0).integers(0, 256, (chosen.size,) * 2, np.uint8)
    whole = seconds(
        {
            name: lambda one=one: one.predict(image, output="classes")  # type: ignore[misc]
            for name, one in modes.items()
        },
        chosen.repeats,
    )
    alone = seconds(
        {n: network_alone(one, chosen.size) for n, one in modes.items()}, chosen.repeats
    )
    rows = []
    for name, one in modes.items():
        row: dict[str, Any] = {
            "mode": name,
            "halo": one.geometry.halo[0],
            "predict_seconds": round(whole[name], 4),
            "predict_speed_up": round(whole["accurate"] / whole[name], 2),
            "network_seconds": round(alone[name], 4),
            "network_speed_up": round(alone["accurate"] / alone[name], 2),
        }
        if (chosen.model or chosen.steps) and (DATA / "isbi2012").is_dir():
            membrane, cell, _ = membrane_scores(one, range(20, 30))
            row |= {"iou_membrane": round(membrane, 4), "iou_cell": round(cell, 4)}
        rows.append(row)
    report(
        benchmark="unetpp_fast",
        size=chosen.size,
        arguments=model.header.arguments,
        steps=chosen.steps,
        modes=rows,
    )


if __name__ == "__main__":
    main()
