"""How fast this processor multiplies, and what of a training step of U-Net 2015 is convolutions.

python benchmarks/peak.py [--threads N]

Prints GFLOP/s (a multiplication and an addition are two) of single convolutions and of matrix
products, the best of five, and the milliseconds that torch's profiler counts in the convolutions of
one training step, 572 to 388 pixels, in bf16: what would be left if all else took no time.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import torch
from common import report
from torch import nn
from torch.profiler import profile

from napari_unet.prediction.way import Way
from napari_unet.processor import make_ready
from napari_unet.training.learner import Learner
from napari_unet.training.presets import preset
from napari_unet.training.sampler import Batch

NUMBERS = {"float32": torch.float32, "bf16": torch.bfloat16}
CONVOLUTIONS = ((64, 256), (256, 140), (512, 64), (16, 512))
"""Channels, in and out, and side of the map."""
PARTS = ("aten::convolution_backward", "aten::mkldnn_convolution", "aten::_convolution")
STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    torch.set_num_threads(parser.parse_args().threads)
    make_ready()
    with torch.inference_mode():
        rates = {name: rates_in(numbers) for name, numbers in NUMBERS.items()}
    report(gigaflops=rates, paper_step_milliseconds=paper_step())


def rates_in(numbers: torch.dtype) -> dict[str, int]:
    found = {}
    a = torch.randn(2048, 2048).to(numbers)
    found["matrix product, 2048"] = rate(lambda: a @ a, 2 * 2048**3)
    for channels, side in CONVOLUTIONS:
        layer = nn.Conv2d(channels, channels, 3, padding=1).to(numbers)
        layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        x = torch.randn(1, channels, side, side).to(numbers)
        x = x.contiguous(memory_format=torch.channels_last)
        work = 2 * 9 * channels**2 * side**2
        found[f"convolution, {channels} channels, {side}"] = rate(lambda: layer(x), work)  # noqa: B023
    return found


def rate(run: Callable[[], object], work: float) -> int:
    run()
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return round(work / best / 1e9)


def paper_step() -> dict[str, int]:
    """Milliseconds of one step in all, and in each kind of convolution."""
    recipe, cpu = preset("paper2015"), torch.device("cpu")
    learner = Learner(recipe, dims=2, channels=1, classes=2, device=cpu, way=Way("bf16"))
    batch = Batch(
        torch.randn(1, 1, 572, 572), torch.randint(2, (1, 388, 388)), torch.ones(1, 388, 388)
    )
    learner.learn(batch)
    with profile() as seen:
        started = time.perf_counter()
        for _ in range(STEPS):
            learner.learn(batch)
        took = time.perf_counter() - started
    found = {one.key: one.self_cpu_time_total / 1000 / STEPS for one in seen.key_averages()}
    return {"all": round(1000 * took / STEPS)} | {name: round(found[name]) for name in PARTS}


if __name__ == "__main__":
    main()
