"""Large images: is the cost linear, how much of the network's throughput is left, how much memory?

python benchmarks/large.py [--sizes 2500,5000,10000,20000] [--network unet] [--width 16] [--tile N]
    [--output classes] [--kill] [--out benchmarks/results/large.json]
python benchmarks/large.py --plot docs/images/large.png    # of what is in --out; measures nothing

Each size is a generated zarr (uint8, chunks of 512), predicted to zarr by a process of its own, as
``napari-unet predict --format zarr`` does it. For each:

- ``seconds_per_megapixel`` of the whole prediction: opening, reading, network, writing, renaming;
- ``bare_seconds_per_megapixel``: the network alone, again and again on one tile with its halo in
  memory, per pixel that the tile predicts; ``share_of_bare`` is what reading and writing leave of
  that. The network alone is timed before and after, for machines are uneven;
- ``share_of_cpu``: the same in processor time, which hardly changes while others use the machine:
  reading and writing on another core count in full here;
- ``network_busy``: the part of the whole wall time in which the network was at work;
- ``share_without_halo``: the same against the network on a piece without any halo, for which every
  pixel counts. Overlap tiles cannot reach 1 here: it says what the halo costs;
- ``more_memory_mib``: the greatest resident set while predicting, less that of the idle process
  with the model loaded.

``linear`` is the seconds per megapixel of the largest image divided by those of the smallest. With
--kill the largest is also killed (SIGKILL) when a third is done and goes on; the result is compared
byte by byte, and the seconds of both parts are added up.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import plots
import psutil
import zarr
from common import ROOT, about_machine

CHUNK = 512
MIB = 2**20


def make_image(path: Path, side: int) -> None:
    """Blobs and noise, written row of chunks by row of chunks."""
    array = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype="u1")
    rng = np.random.default_rng(0)
    grid = np.add.outer(np.sin(np.arange(CHUNK) / 9), np.sin(np.arange(side) / 11)) * 40 + 120
    for start in range(0, side, CHUNK):
        rows = min(CHUNK, side - start)
        noise = rng.integers(0, 40, (rows, side), np.uint8)
        array[start : start + rows] = grid[:rows].astype(np.uint8) + noise


def make_model(path: Path, network: str, width: int) -> None:
    """With start weights where there are some: of random ones any rounding changes classes, and
    they would be predicted in float32."""
    import torch

    from napari_unet.model.header import Header, NormalisationConstants, default_classes
    from napari_unet.model.model import Model
    from napari_unet.networks import registry
    from napari_unet.start.general import general_weights

    arguments: dict[str, Any] = dict(registry.spec(network).live) | {"width": width}
    torch.manual_seed(0)
    built = registry.build(network, dims=2, in_channels=1, out_channels=2, arguments=arguments)
    if (weights := general_weights(network, arguments, dims=2, channels=1)) is not None:
        built.load_state_dict(weights)
    header = Header(
        network=network,
        arguments=arguments,
        dims=2,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="yx",
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    )
    Model(header, built.eval()).save(path)


class Memory:
    """The greatest resident set of this process, looked at a hundred times a second."""

    def __enter__(self) -> Memory:
        self._process = psutil.Process()
        self.most = self._process.memory_info().rss
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            self.most = max(self.most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def bare(predictor: Any, side: int, tile: int | None, repeats: int) -> tuple[float, ...]:
    """Wall and CPU seconds per megapixel of the network alone: with a tile's halo, and without."""
    plan = predictor.plan((side, side), tile)
    one = predictor._needed(plan[len(plan) // 2])
    pixels = np.random.default_rng(0).random((1, *(b - a for a, b in one.input)), np.float32)
    sides = [b - a for a, b in one.output]
    margins = predictor._margins(one, pixels.shape[1:])
    small = pixels[:, : sides[0], : sides[1]]

    def seconds(piece: Any, margin: Any) -> tuple[float, float]:
        wall, cpu = [], []
        for _ in range(2 * repeats):
            clocks = time.perf_counter(), time.process_time()
            predictor._probability(piece, margin, False)
            wall.append(time.perf_counter() - clocks[0])
            cpu.append(time.process_time() - clocks[1])
        per = 1e6 / (sides[0] * sides[1])
        # The first ones are slower: the system hands out their memory page by page.
        return statistics.median(wall[repeats:]) * per, statistics.median(cpu[repeats:]) * per

    return *seconds(pixels, margins), *seconds(small, None)


def watch_network() -> list[float]:
    """Seconds of every run of a network from now on."""
    from napari_unet.prediction.predictor import Predictor

    seconds: list[float] = []
    plain = Predictor._probability

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        clock = time.perf_counter()
        result = plain(self, *arguments, **options)
        seconds.append(time.perf_counter() - clock)
        return result

    Predictor._probability = timed  # type: ignore[method-assign]
    return seconds


def child(chosen: argparse.Namespace) -> None:
    """Predict one image; prints what was measured as JSON."""
    from napari_unet.processor import make_ready

    make_ready()  # as the command line does
    from napari_unet.core import predict_files
    from napari_unet.core.fast_prediction import settle
    from napari_unet.images.reading import read_image
    from napari_unet.model.model import load

    folder, side = Path(chosen.child[0]), int(chosen.child[1])
    model = load(folder / "model.unet")
    predictor = model.predictor(chosen.device, chosen.precision)
    idle = psutil.Process().memory_info().rss  # before the network has run for the first time
    if chosen.precision == "auto":
        image = model.as_image(read_image(folder / f"{side}.zarr", axes="yx"))
        predictor = settle(model, image, predictor, chosen.device)
    before = [bare(predictor, side, chosen.tile, chosen.repeats)] if chosen.repeats else []
    import gc

    gc.collect()
    network = watch_network()
    with Memory() as memory:
        clock, cpu = time.perf_counter(), time.process_time()
        for _ in predict_files(
            model,
            folder / f"{side}.zarr",
            folder / chosen.child[2],
            [chosen.output],
            axes="yx",
            form="zarr",
            tile=chosen.tile,
            device=chosen.device,
            precision=chosen.precision,
            resume=True,
        ):
            pass
        seconds, cpu = time.perf_counter() - clock, time.process_time() - cpu
    busy = sum(network) / seconds
    after = [bare(predictor, side, chosen.tile, chosen.repeats)] if chosen.repeats else []
    tile = predictor.plan((side, side), chosen.tile)[0].output
    measured = {
        "side": side,
        "megapixels": side * side / 1e6,
        "tile": [b - a for a, b in tile],
        "seconds": round(seconds, 2),
        "seconds_per_megapixel": round(seconds / side**2 * 1e6, 4),
        "network_busy": round(busy, 3),
        "idle_mib": round(idle / MIB),
        "more_memory_mib": round((memory.most - idle) / MIB),
        "device": predictor.device.type,
        "precision": predictor.precision,
        "way": str(predictor.way),
    }
    if before:
        wall, bare_cpu, without, _ = (
            statistics.mean(pair) for pair in zip(*before, *after, strict=True)
        )
        per = 1e6 / side**2
        measured |= {
            "bare_seconds_per_megapixel": round(wall, 4),
            "bare_without_halo": round(without, 4),
            "share_of_bare": round(wall / (seconds * per), 3),
            "share_of_cpu": round(bare_cpu / (cpu * per), 3),
            "share_without_halo": round(without / (seconds * per), 3),
        }
    print(json.dumps(measured))


def predict(folder: Path, side: int, out: str, arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *arguments, "--child", str(folder), str(side), out]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(folder: Path, side: int, arguments: list[str]) -> dict[str, Any]:
    """Kill the prediction when a third is done, go on, compare."""
    clock = time.perf_counter()
    process = predict(folder, side, "killed", [*arguments, "--repeats", "0"])
    hidden = folder / "killed" / f".{side}.unfinished"
    enough = len(list((folder / "whole").rglob("*"))) // 3
    while process.poll() is None:
        done = hidden / "done"
        if done.exists() and done.read_bytes().count(b"\n") >= enough:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    named = [p.name for p in (folder / "killed").iterdir() if not p.name.startswith(".")]
    process = predict(folder, side, "killed", [*arguments, "--repeats", "0"])
    process.communicate()
    seconds = time.perf_counter() - clock
    first, second = (
        {
            p.relative_to(folder / out): p
            for p in (folder / out).rglob(f"{side}*/**/*")
            if p.is_file()
        }
        for out in ("whole", "killed")
    )
    same = first.keys() == second.keys() and all(
        first[name].read_bytes() == second[name].read_bytes() for name in first
    )
    return {
        "killed_after_tiles": enough,
        "looked_finished": bool(named),
        "same_bytes": same,
        "seconds_of_both_parts": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="2500,5000,10000,20000")
    parser.add_argument("--network", default="unet")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--output", default="classes")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--repeats", type=int, default=5, help="of the network alone, twice")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--folder", type=Path, help="for images and results; it must have room")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/large.json")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw what is there")
    parser.add_argument("--child", nargs=3)
    chosen = parser.parse_args()
    if chosen.plot:
        plots.large(json.loads(chosen.out.read_text("utf-8"))).save(chosen.plot)
        return
    if chosen.child:
        child(chosen)
        return
    sizes = sorted(int(n) for n in chosen.sizes.split(","))
    arguments = ["--output", chosen.output, "--device", chosen.device]
    arguments += ["--precision", chosen.precision]
    arguments += ["--tile", str(chosen.tile)] if chosen.tile else []
    rows, kill = [], None
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        make_model(folder / "model.unet", chosen.network, chosen.width)
        for side in sizes:
            make_image(folder / f"{side}.zarr", side)
            process = predict(folder, side, "whole", [*arguments, "--repeats", str(chosen.repeats)])
            printed = process.communicate()[0]
            if process.returncode:
                sys.exit(f"The prediction of {side} x {side} failed.")
            rows.append(json.loads(printed.strip().splitlines()[-1]))
            print(json.dumps(rows[-1]), flush=True)
        if chosen.kill:
            kill = killed(folder, sizes[-1], arguments)
            print(json.dumps(kill), flush=True)
    result = {
        "benchmark": "large",
        "network": chosen.network,
        "width": chosen.width,
        "output": chosen.output,
        "rows": rows,
        "linear": round(rows[-1]["seconds_per_megapixel"] / rows[0]["seconds_per_megapixel"], 3),
        "killed": kill,
        "machine": about_machine(),
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
