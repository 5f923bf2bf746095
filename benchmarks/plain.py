"""What micro.py compares with, as it comes, in a process of its own: PyTorch, MONAI, scipy.

python benchmarks/plain.py NAME [--threads N]

Makes the thing called NAME ready, does it once and then once for each line on standard input; says
the seconds on the clock and the processor seconds by thread. No setting of ours is made in this
process: not for its memory, its threads, precision or layout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OBJECTS = 20
"""Of which a distance transform each is made; all would take minutes."""
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE")


class Elsewhere:
    """Does ``name`` in a process of its own; called, returns both kinds of seconds of one go."""

    def __init__(self, name: str, threads: int) -> None:
        left = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), name, "--threads", str(threads)],
            env=left,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def __call__(self) -> tuple[float, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._answer()
        return answer["seconds"], answer["processor_seconds"]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ModuleNotFoundError("it cannot be done here")
        return json.loads(line)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=list(THINGS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    try:
        do = THINGS[options.name]()
    except ModuleNotFoundError as error:
        sys.exit(str(error))
    do()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started, process = time.perf_counter(), time.process_time()
        do()
        said = {
            "seconds": time.perf_counter() - started,
            "processor_seconds": (time.process_time() - process) / options.threads,
        }
        print(json.dumps(said), flush=True)


def paper() -> Any:
    from napari_unet.networks import registry
    from napari_unet.training.presets import preset

    arguments = preset("paper2015").arguments
    return registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=arguments)


def paper_step() -> Callable[[], object]:
    """U-Net 2015, 572 -> 388: one step of SGD with momentum."""
    import torch

    network = paper().train()
    optimiser = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.99)
    images, classes = torch.randn(1, 1, 572, 572), torch.randint(2, (1, 388, 388))

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(images), classes).backward()
        optimiser.step()

    return step


def paper_prediction() -> Callable[[], object]:
    """U-Net 2015, 700 -> 516."""
    import torch

    network, pixels = paper().eval(), torch.randn(1, 1, 700, 700)
    return torch.no_grad()(lambda: torch.softmax(network(pixels), 1))


def live_prediction() -> Callable[[], object]:
    """512 x 512 by the live network in float32, with the halo that makes it exact."""
    import torch

    from napari_unet.networks import registry
    from napari_unet.speed.live import live_network
    from napari_unet.training.presets import preset

    recipe = preset("live")
    side = 512 + 2 * registry.geometry(recipe.network, recipe.arguments, 2).halo[0]
    network, pixels = live_network().eval(), torch.randn(1, 1, side, side)
    return torch.no_grad()(lambda: torch.softmax(network(pixels), 1))


def sliding(which: str) -> Callable[[], object]:
    """4096 x 4096 pixels by MONAI's sliding window, windows of 96 as in its tutorial, float32."""
    import torch
    from monai.inferers import sliding_window_inference
    from monai.networks.nets import BasicUNet

    from napari_unet.speed.live import live_network

    basic = BasicUNet(spatial_dims=2, in_channels=1, out_channels=2)
    network = (live_network() if which == "live" else basic).eval()
    sides = iter([512])  # the first time, a smaller one

    @torch.no_grad()
    def slide() -> None:
        side = next(sides, 4096)
        pixels = torch.randn(1, 1, side, side)
        torch.softmax(sliding_window_inference(pixels, (96, 96), 4, network), 1)

    return slide


def transforms(objects: int) -> Callable[[], object]:
    """Boundary weights as they are usually written, of the first OBJECTS objects."""
    from scipy import ndimage

    ids = cells(1024, objects)

    def usual() -> None:
        stack = np.stack(
            [ndimage.distance_transform_edt(ids != n) for n in range(1, OBJECTS + 1)], axis=-1
        )
        stack.sort(axis=-1)
        10 * np.exp(-((stack[..., 0] + stack[..., 1]) ** 2) / 50) * (ids == 0)

    return usual


def cells(size: int, objects: int) -> np.ndarray:
    """Ids of round cells on a shaken grid, nearly touching."""
    rng = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(objects)))
    pitch = size / side
    ids = np.zeros((size, size), np.int32)
    y, x = np.ogrid[:size, :size]
    places = [(i, j) for i in range(side) for j in range(side)][:objects]
    for number, (i, j) in enumerate(places, 1):
        cy, cx = (np.array([i, j]) + 0.5 + rng.uniform(-0.1, 0.1, 2)) * pitch
        r = pitch * rng.uniform(0.3, 0.45)
        box = tuple(slice(max(0, int(c - r) - 1), int(c + r) + 2) for c in (cy, cx))
        inside = (y[box[0]] - cy) ** 2 + (x[:, box[1]] - cx) ** 2 < r * r
        ids[box][inside] = number
    return ids


THINGS: dict[str, Callable[[], Callable[[], object]]] = {
    "paper_step": paper_step,
    "paper_prediction": paper_prediction,
    "live_prediction": live_prediction,
    "sliding_basic": lambda: sliding("basic"),
    "sliding_live": lambda: sliding("live"),
    "transforms_300": lambda: transforms(300),
    "transforms_1000": lambda: transforms(1000),
}


if __name__ == "__main__":
    main()
