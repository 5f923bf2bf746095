"""What a pruned network saves: parameters, file, time of a training step and of a prediction.

python benchmarks/pruned_speed.py [--repeats 7]

The network of the preset live with the channels that each method leaves, in 2D; the weights are the
random ones, for which speed does not matter. For stamp, channels of one layer are taken to be
equally active. Medians; networks take turns, so that a busy machine is fair to all.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import report

from napari_unet.model import file
from napari_unet.model.header import Header, NormalisationConstants, default_classes
from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.device import autocast, choose_precision, memory_format
from napari_unet.prediction.predictor import Predictor
from napari_unet.pruning.criteria import check_method, choose
from napari_unet.pruning.tracing import widths_of, wiring_of
from napari_unet.training.losses import loss

SHARES = (1.0, 0.3, 0.1, 0.03)
IMAGE = (512, 512)
CPU = torch.device("cpu")


def arguments_at(share: float, method: str) -> dict[str, Any]:
    """Arguments of ``unet`` in the preset live with ``share`` of its parameters."""
    arguments = dict(registry.spec("unet").live)
    if share == 1:
        return arguments
    wiring = wiring_of(build(arguments))
    widths = widths_of(build(arguments), wiring)
    target = round(share * wiring.parameters(widths))
    norms = [np.ones(w) for w in widths]
    kept = choose(wiring, norms, check_method(method), target, np.random.default_rng(0))
    return arguments | {"widths": [len(k) for k in kept]}


def build(arguments: dict[str, Any]) -> torch.nn.Module:
    network = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=arguments)
    return network.to(memory_format=memory_format(2))


def file_bytes(arguments: dict[str, Any], network: torch.nn.Module) -> int:
    """Size of the ``.unet`` file without a training state."""
    header = Header(
        network="unet",
        arguments=registry.check_arguments("unet", arguments).model_dump(mode="json"),
        dims=2,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="yx",
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(1.0,)),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.unet"
        file.save(path, header, network.state_dict())
        return path.stat().st_size


class Timed:
    """One network, whose step and prediction are measured again and again."""

    def __init__(self, share: float, method: str, precision: str) -> None:
        self.share, self.method, self.precision = share, method, precision
        self.arguments = arguments_at(share, method)
        self.network = build(self.arguments)
        self.optimiser = torch.optim.AdamW(self.network.parameters())
        self.geometry: Geometry = registry.geometry("unet", self.arguments)
        self.images = torch.randn(4, 1, 192, 192).contiguous(memory_format=memory_format(2))
        self.classes = torch.randint(2, (4, 192, 192))
        self.steps: list[float] = []
        self.predictions: list[float] = []

    def measure(self) -> None:
        clock = time.perf_counter()
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        with autocast(CPU, self.precision):
            logits = self.network(self.images)
        loss(logits, self.classes, torch.ones(self.classes.shape), 1.0).backward()
        self.optimiser.step()
        self.steps.append(time.perf_counter() - clock)
        predictor = Predictor(
            self.network.eval(), self.geometry, device=CPU, precision=self.precision
        )
        pixels = np.zeros((1, *IMAGE), np.float32)
        clock = time.perf_counter()
        whole = tuple((0, n) for n in IMAGE)
        predictor.region(lambda box: pixels[(slice(None), *(slice(*s) for s in box))], IMAGE, whole)
        self.predictions.append(time.perf_counter() - clock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    precision = choose_precision("auto", CPU)
    cases = [Timed(1.0, "whole", precision)]
    cases += [Timed(s, m, precision) for m in ("stamp", "largest") for s in SHARES[1:]]
    for _ in range(options.repeats + 1):
        for one in cases:
            one.measure()
    for one in cases:
        report(
            benchmark="pruned_speed",
            method=one.method,
            share=one.share,
            parameters=sum(p.numel() for p in one.network.parameters()),
            file_kib=round(file_bytes(one.arguments, one.network) / 1024),
            step_ms=round(1000 * float(np.median(one.steps[1:]))),
            prediction_ms=round(1000 * float(np.median(one.predictions[1:]))),
            precision=precision,
        )


if __name__ == "__main__":
    main()
