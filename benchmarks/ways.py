"""What the engine finds out of each way to predict and to train with the live network.

python benchmarks/ways.py [--seconds 30]

Prints a table in Markdown for each of the two: milliseconds on the clock and distance from float32.
"""

from __future__ import annotations

import argparse
import os

os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000", "THP_MEM_ALLOC_ENABLE": "1"}

import torch
from common import report

from napari_unet.processor import make_ready
from napari_unet.speed.live import live_network, scenes
from napari_unet.speed.race import Patience, finish
from napari_unet.speed.trials import Choice, try_prediction, try_training
from napari_unet.training.presets import preset

CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="patience for each")
    seconds = parser.parse_args().seconds
    make_ready()
    images, classes = scenes()
    recipe, patience = preset("live"), Patience(seconds)
    show("prediction", finish(try_prediction(live_network(), images, CPU, patience)))
    report(seconds=round(seconds - patience.left, 1))
    piece = (slice(recipe.batch), ..., slice(recipe.tile), slice(recipe.tile))
    training = try_training(live_network(), images[piece], classes[piece], CPU, Patience(seconds))
    show("training step", finish(training))


def show(task: str, choice: Choice | None) -> None:
    print(f"\n| way | {task}, ms | difference | classes changed |\n|---|---|---|---|")
    if choice is None:
        print("| not found out: the time did not do | | | |")
        return
    for name, found in choice.measured.items():
        mark = "**" if name == str(choice.way) else ""
        cells = [mark + name + mark, found["milliseconds"], found["difference"]]
        print("|", " | ".join(map(str, [*cells, f"{found['changed']:.2%}"])), "|")


if __name__ == "__main__":
    main()
