"""What the settings of processor.py bring: threads that look a moment before they sleep, memory
that is kept.

python benchmarks/processor.py [--rounds 4] [--threads N]

A training step of ``live`` (four 192 x 192 tiles) and its prediction of 512 x 512 pixels, each in
processes of their own that take turns; prints medians of medians, in milliseconds on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

NONE: dict[str, str] = {}
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
VARIANTS = {
    "as torch comes": NONE,
    "threads sleep at once": ASLEEP,
    "a moment later (1000 looks)": ASLEEP | {"GOMP_SPINCOUNT": "1000"},
    "at once, memory kept": ASLEEP | {"KEPT": "1"},
    "a moment later, memory kept": {"KEPT": "1"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--once", action="store_true", help="measure in this process")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measured(options.threads)))
        return
    left = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "THP_"))}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name, variables in VARIANTS.items():
            command = [sys.executable, __file__, "--once", "--threads", str(options.threads)]
            done = subprocess.run(
                command, env=left | variables, check=True, capture_output=True, text=True
            )
            found[name].append(json.loads(done.stdout))
    for name, rounds in found.items():
        medians = {what: statistics.median(one[what] for one in rounds) for what in rounds[0]}
        print(json.dumps({name: medians}))
    from common import report

    report(rounds=options.rounds)


def measured(threads: int) -> dict[str, float]:
    """Milliseconds of a step and of a prediction, medians."""
    if os.environ.get("KEPT"):
        from napari_unet.processor import make_ready

        make_ready()
    import numpy as np
    import torch

    from napari_unet.networks import registry
    from napari_unet.prediction.predictor import Predictor
    from napari_unet.prediction.way import Way
    from napari_unet.speed.live import live_network
    from napari_unet.training.learner import Learner
    from napari_unet.training.presets import preset
    from napari_unet.training.sampler import Batch

    torch.set_num_threads(threads)
    recipe, cpu = preset("live"), torch.device("cpu")
    way = Way("bf16")
    geometry = registry.geometry(recipe.network, recipe.arguments, 2)
    predictor = Predictor(live_network(), geometry, device=cpu, way=way)
    plane = np.random.default_rng(0).normal(size=(1, 512, 512)).astype(np.float32)
    learner = Learner(recipe, dims=2, channels=1, classes=2, device=cpu, way=way)
    n, side = recipe.batch, recipe.tile
    batch = Batch(
        torch.randn(n, 1, side, side),
        torch.randint(2, (n, side, side)),
        torch.ones(n, side, side),
    )
    return {
        "step": median(lambda: learner.learn(batch), 25),
        "prediction": median(lambda: predictor.probability(plane), 25),
    }


def median(run: Callable[[], object], times: int) -> float:
    taken = []
    for number in range(times + 3):
        started = time.perf_counter()
        run()
        if number >= 3:
            taken.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(taken), 1)


if __name__ == "__main__":
    main()
