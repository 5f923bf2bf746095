"""Single steps against their bars: one run, alternating, medians.

Timings of things that compute come twice: seconds on the clock, and processor seconds by thread,
which hardly change when other programs run at the same time. Bars and ratios are of the latter,
which are fewer than those on the clock; where it makes a difference there is a bar for the clock.
Plain PyTorch and MONAI run as they come, in processes of their own (plain.py); ours as in the
engine, in the way that is fastest here. "in our process" is the same plain code with the engine's
settings of memory and threads.

    python benchmarks/micro.py [--only NAME ...] [--repeat N] [--threads N] [--out FILE]
    python benchmarks/micro.py --plot docs/images/micro.png    # what is in FILE; measures nothing
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

# As processor.py does, which comes too late once torch is imported.
os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000", "THP_MEM_ALLOC_ENABLE": "1"}

import plain
import plots
import psutil
import torch
from common import ROOT, about_machine
from plain import Elsewhere
from scipy import ndimage

from napari_unet.annotations.boundary_weights import boundary_weights
from napari_unet.evaluation.em import warping_error
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, device_name
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import looking_twice
from napari_unet.prediction.way import Way
from napari_unet.processor import make_ready
from napari_unet.speed import way_for_training
from napari_unet.speed.live import live_network, scenes
from napari_unet.speed.race import Patience, finish
from napari_unet.speed.trials import try_prediction
from napari_unet.training.elastic import sample, sampling_grid
from napari_unet.training.first_answer import fit_last_layer
from napari_unet.training.learner import Learner
from napari_unet.training.presets import preset
from napari_unet.training.sampler import Batch

Figures = dict[str, Any]
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeat", type=int, default=5, help="timings of each, after one more")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "micro.json")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw what is there")
    options = parser.parse_args()
    make_ready()
    if options.plot:
        plots.steps(json.loads(options.out.read_text())).save(options.plot)
        return
    torch.set_num_threads(options.threads)
    results: Figures = {}
    for name in options.only:
        load = psutil.getloadavg()[0]
        figures = PARTS[name](options.repeat)
        machine = about_machine() | {
            "device": device_name(choose_device()),
            "repeat": options.repeat,
            "load_before": round(load, 1),
        }
        results[name] = figures | {"machine": machine}
        print(json.dumps({name: figures}, indent=1), flush=True)
        options.out.parent.mkdir(exist_ok=True)
        if options.out.exists():  # what another run has found meanwhile stays
            results = json.loads(options.out.read_text()) | {name: results[name]}
        options.out.write_text(json.dumps(results, indent=1) + "\n")
    missed = [f"{n}: {bar}" for n in options.only for bar in failed(results[n].get("bars", {}))]
    print("\n".join(f"missed: {one}" for one in missed) or "all bars reached", file=sys.stderr)


def failed(bars: Figures) -> list[str]:
    return [
        f"{name} {bar['is']} ({bar['bar']})" for name, bar in bars.items() if not bar["reached"]
    ]


def at_most(value: float, bar: float) -> Figures:
    return {"is": round(value, 4), "bar": f"<= {bar}", "reached": value <= bar}


def at_least(value: float, bar: float) -> Figures:
    return {"is": round(value, 2), "bar": f">= {bar}", "reached": value >= bar}


def alternate(runners: dict[str, Callable[[], object]], repeat: int) -> Figures:
    """Medians by name, after one call of each that is not counted.

    What runs in a process of its own returns its seconds and is ended at the end.
    """
    clock: dict[str, list[float]] = {name: [] for name in runners}
    used: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(repeat + 1):
        for name, run in runners.items():
            started, process = time.perf_counter(), time.process_time()
            said = run()
            took = time.perf_counter() - started
            worked = (time.process_time() - process) / torch.get_num_threads()
            if number:
                elsewhere = isinstance(run, Elsewhere) and isinstance(said, tuple)
                clock[name].append(said[0] if elsewhere else took)
                used[name].append(said[1] if elsewhere else worked)
    for run in runners.values():
        if isinstance(run, Elsewhere):
            run.end()
    return {
        name: {
            "seconds": round(statistics.median(clock[name]), 4),
            "processor_seconds": round(statistics.median(used[name]), 4),
        }
        for name in runners
    }


def ratio(figures: Figures, slow: str, fast: str, kind: str = "processor_seconds") -> float:
    return float(figures[slow][kind] / figures[fast][kind])


def both_ratios(figures: Figures, bar: float) -> Figures:
    """Plain against ours, by processor seconds and on the clock."""
    return {
        "times faster": at_least(ratio(figures, "plain", "ours"), bar),
        "times faster on the clock": at_least(ratio(figures, "plain", "ours", "seconds"), bar),
    }


def plain_beside(name: str) -> dict[str, Callable[[], object]]:
    """The plain thing in a process of its own, and in this one."""
    return {
        "plain": Elsewhere(name, torch.get_num_threads()),
        "plain, in our process": plain.THINGS[name](),
    }


def fastest(network: torch.nn.Module, images: torch.Tensor) -> Way:
    """What the engine or ``predict`` would find out here."""
    choice = finish(try_prediction(network, images, CPU, Patience(60)))
    return Way() if choice is None else choice.way


def fitted_paper() -> tuple[torch.nn.Module, torch.Tensor]:
    """U-Net 2015 whose last layer is fitted to drawn scenes, and pieces of these: where weights are
    random all through, all probabilities lie near one half, and any rounding changes classes."""
    torch.manual_seed(0)
    images, classes = scenes()
    images, classes = images[..., :252, :252], classes[:, 92:160, 92:160]
    network = plain.paper().eval()
    fit_last_layer(
        network,
        [Batch(images, classes, torch.ones(classes.shape))],
        precision="float32",
        layout=torch.contiguous_format,
        generator=torch.Generator().manual_seed(0),
    )
    return network.eval(), images


def paper_step(repeat: int) -> Figures:
    """U-Net 2015 (31 million parameters), 572 -> 388: our step and plain PyTorch in float32."""
    recipe = preset("paper2015")
    way = way_for_training(recipe.network, recipe.arguments, dims=2, device=CPU)
    learner = Learner(recipe, dims=2, channels=1, classes=2, device=CPU, way=way)
    batch = Batch(
        torch.randn(1, 1, 572, 572), torch.randint(2, (1, 388, 388)), torch.ones(1, 388, 388)
    )
    runners = plain_beside("paper_step") | {"ours": partial(learner.learn, batch)}
    figures = alternate(runners, repeat)
    return {"way": str(way), **figures, "bars": both_ratios(figures, 3.5)}


def paper_prediction(repeat: int) -> Figures:
    """U-Net 2015, 700 -> 516: our prediction and plain PyTorch in float32."""
    recipe = preset("paper2015")
    network, images = fitted_paper()
    way = fastest(network, images)
    predictor = predictor_of(recipe.arguments, way, network)
    pixels = np.random.default_rng(0).normal(size=(1, 700, 700)).astype(np.float32)
    runners = plain_beside("paper_prediction")
    figures = alternate(runners | {"ours": lambda: predictor.tile_probability(pixels)}, repeat)
    clock = at_most(figures["ours"]["seconds"], 0.65)
    bars = both_ratios(figures, 3.5) | {"seconds on the clock": clock}
    return {"way": str(way), **figures, "bars": bars}


def live_prediction(repeat: int) -> Figures:
    """A 512 x 512 image by the live network, and with the second look that classes get."""
    recipe = preset("live")
    way = fastest(live_network(), scenes()[0])
    plane = np.random.default_rng(0).normal(size=(1, 512, 512)).astype(np.float32)
    once = predictor_of(recipe.arguments, way, live_network())
    twice = predictor_of(recipe.arguments, way, live_network(), recipe.second_look)
    runners = plain_beside("live_prediction")
    runners |= {"ours": partial(once.probability, plane)}
    runners |= {"ours, two looks": partial(twice.probability, plane)}
    figures = alternate(runners, repeat)
    bars = {
        "seconds": at_most(figures["ours"]["processor_seconds"], 0.05),
        "seconds on the clock": at_most(figures["ours"]["seconds"], 0.05),
    }
    return {"way": str(way), **figures, "bars": bars}


def large_plane(repeat: int) -> Figures:
    """4096 x 4096 pixels by the live network, and as MONAI's sliding window predicts them: the same
    network, and BasicUNet, in float32 and windows of 96 as in its tutorial, each once after a
    smaller plane, ours three times; without MONAI (in this environment, or on PYTHONPATH) only
    ours."""
    plane = np.random.default_rng(0).normal(size=(1, 4096, 4096)).astype(np.float32)
    recipe = preset("live")
    way = fastest(live_network(), scenes()[0])
    once = predictor_of(recipe.arguments, way, live_network())
    twice = predictor_of(recipe.arguments, way, live_network(), recipe.second_look)
    runners: dict[str, Callable[[], object]] = {
        "ours": partial(once.probability, plane),
        "ours, two looks": partial(twice.probability, plane),
    }
    figures = alternate(runners, 3)
    for name, thing in (
        ("sliding window, live network", "sliding_live"),
        ("sliding window, BasicUNet", "sliding_basic"),
    ):
        with suppress(ModuleNotFoundError):
            slow = Elsewhere(thing, torch.get_num_threads())
            seconds, processor = slow()
            slow.end()
            figures[name] = {
                "seconds": round(seconds, 2),
                "processor_seconds": round(processor, 2),
            }
    bars: Figures = {}
    for name in [name for name in figures if name.startswith("sliding")]:
        bars[name] = at_least(ratio(figures, name, "ours"), 8)
        bars[f"{name}, on the clock"] = at_least(ratio(figures, name, "ours", "seconds"), 8)
    return {"way": str(way), **figures, "bars": bars}


def weight_map(repeat: int) -> Figures:
    """Boundary weights of 1024 x 1024 pixels, and as they are usually written: a distance transform
    of the whole image for each object, stacked and sorted; 20 objects of it, scaled up."""
    figures: Figures = {}
    bars: Figures = {}
    for objects in (300, 1000):
        ids = plain.cells(1024, objects)
        usual = Elsewhere(f"transforms_{objects}", torch.get_num_threads())
        runners = {"usual": usual, "ours": lambda ids=ids: boundary_weights(ids)}
        measured = alternate(runners, repeat)
        # The one computes in a single thread, ours in several.
        ours = measured["ours"]["processor_seconds"]
        each = measured["usual"]["processor_seconds"] * torch.get_num_threads() / plain.OBJECTS
        clock = measured["ours"]["seconds"]
        each_clock = measured["usual"]["seconds"] / plain.OBJECTS
        figures[str(objects)] = {
            "one transform an object": round(each * objects, 2),
            "one transform an object, on the clock": round(each_clock * objects, 2),
            "ours": ours,
            "ours, on the clock": clock,
        }
        if objects == 300:
            bars["300 objects, times faster"] = at_least(each * objects / ours, 300)
            on_the_clock = at_least(each_clock * objects / clock, 300)
            bars["300 objects, times faster on the clock"] = on_the_clock
        else:
            bars["1000 objects, seconds"] = at_most(ours, 0.2)
            bars["1000 objects, seconds on the clock"] = at_most(clock, 0.2)
    return {**figures, "bars": bars}


def weight_map_memory(repeat: int) -> Figures:
    """The most that numpy and Python hold at a time, beside the ids, while the boundary weights of
    1000 objects in 1024 x 1024 pixels are made; the result is among it. No timing."""
    ids = plain.cells(1024, 1000)
    boundary_weights(ids[:128, :128])  # what is made once
    tracemalloc.start()
    boundary_weights(ids)
    megabytes = round(tracemalloc.get_traced_memory()[1] / 1e6, 1)
    tracemalloc.stop()
    return {"megabytes": megabytes, "bars": {"megabytes": at_most(megabytes, 200)}}


def warping(repeat: int) -> Figures:
    """Warping error of 512 x 512 pixels: membranes between cells that are predicted with rough
    edges and gaps, and, as the worst that can be, noise against noise."""
    rng = np.random.default_rng(0)
    membranes = ndimage.gaussian_filter(rng.normal(size=(512, 512)), 6)
    truth = np.abs(membranes) > 0.1 * membranes.std()
    blurred = ndimage.gaussian_filter(truth.astype(np.float32), 1)
    rough = (blurred + rng.normal(0, 0.15, truth.shape)).astype(np.float32)
    noise, other = (rng.random((512, 512)).astype(np.float32) for _ in range(2))
    figures = alternate(
        {
            "membranes": lambda: warping_error(rough, truth),
            "noise": lambda: warping_error(noise, other > 0.5),
        },
        repeat,
    )
    # It computes in a single thread: the clock tells, not the processor seconds by thread.
    seconds = {name: figures[name]["seconds"] for name in figures}
    return {**figures, "bars": {name: at_most(value, 1.0) for name, value in seconds.items()}}


def augmentation(repeat: int) -> Figures:
    """Elastic deformation of a 512 x 512 pair as in the paper: grid, image, labels, weights."""
    recipe = preset("paper2015", rotation="none", mirror=False)
    image, labels = torch.rand(1, 1, 512, 512), torch.randint(2, (1, 2, 512, 512)).float()
    seeds = iter(range(10**6))

    def warp() -> None:
        generator = torch.Generator().manual_seed(next(seeds))
        grid = sampling_grid((512, 512), 1, recipe, generator)
        sample(image, grid, "bilinear")
        sample(labels, grid, "nearest")

    figures = alternate({"pair": warp}, max(repeat, 9))
    seconds = figures["pair"]["processor_seconds"]
    return {**figures, "bars": {"seconds": at_most(seconds, 0.008)}}


def augmentation_share(repeat: int) -> Figures:
    """Drawing a deformed batch, and the whole step of the live recipe."""
    from napari_unet.core import make_trainer
    from napari_unet.images.image import Image
    from napari_unet.training.data import LabelledImage
    from napari_unet.training.events import Progress

    ids = plain.cells(512, 100)
    picture = (ids > 0) * 100 + np.random.default_rng(0).integers(0, 50, ids.shape)
    one = LabelledImage(
        Image("cells", picture.astype(np.uint8), "yx"), Image("cells", ids, "yx"), "objects", True
    )
    trainer = make_trainer([one], validation="none")
    events = trainer.run()

    def step() -> None:
        while not isinstance(next(events), Progress):
            pass

    def draw() -> None:
        generator = torch.Generator().manual_seed(trainer.step)
        trainer.pieces.draw(trainer.preset, generator)

    figures = alternate({"step": step, "draw": draw}, repeat)
    share = 1 / ratio(figures, "step", "draw")
    return {"way": str(trainer.learner.way), **figures, "bars": {"share": at_most(share, 0.1)}}


def start_up(repeat: int) -> Figures:
    """From starting the engine, as the dock does when it opens, to its being warm."""
    seconds: list[float] = []
    used: list[float] = []

    def look(client: Any, took: float) -> None:
        times = psutil.Process(client.pid).cpu_times()
        seconds.append(took)
        used.append(times.user + times.system)

    for _ in range(min(repeat, 3)):
        with_engine(look)
    middle = statistics.median(seconds)
    return {
        "seconds": round(middle, 2),
        "processor_seconds": round(statistics.median(used), 2),
        "bars": {"seconds": at_most(middle, 4.0)},
    }


def idle_engine(repeat: int) -> Figures:
    """Processor that an engine without work uses, and the memory it holds before and after it
    gave some back. With nothing left to measure."""
    found: Figures = {}

    def look(client: Any, took: float) -> None:
        process = psutil.Process(client.pid)
        time.sleep(1)
        found["mebibytes"] = process.memory_info().rss >> 20
        before, clock = process.cpu_times(), time.perf_counter()
        time.sleep(5 * repeat / 5)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        found["processors"] = round(used / (time.perf_counter() - clock), 4)
        from napari_unet.engine.idling import FORGET_AFTER

        time.sleep(FORGET_AFTER)
        found["mebibytes after a while"] = process.memory_info().rss >> 20

    os.environ["NAPARI_UNET_SPEED"] = "off"
    try:
        with_engine(look)
    finally:
        del os.environ["NAPARI_UNET_SPEED"]
    return found | {"bars": {"processors": at_most(found["processors"], 0.01)}}


def with_engine(use: Callable[[Any, float], object]) -> None:
    from napari_unet.engine.client import EngineClient

    with tempfile.TemporaryDirectory() as folder:
        clock = time.perf_counter()
        client = EngineClient(folder)
        client.start()
        while not any(event.type == "ready" for event in client.poll()):
            time.sleep(0.01)
        use(client, time.perf_counter() - clock)
        client.close()


def predictor_of(arguments: Any, way: Way, network: Any = None, look: float = 0.0) -> Predictor:
    network = network or registry.build(
        "unet", dims=2, in_channels=1, out_channels=2, arguments=arguments
    )
    network, geometry = looking_twice(network, registry.geometry("unet", arguments, 2), look)
    return Predictor(network, geometry, device=CPU, way=way)


PARTS: dict[str, Callable[[int], Figures]] = {
    "paper_step": paper_step,
    "paper_prediction": paper_prediction,
    "live_prediction": live_prediction,
    "large_plane": large_plane,
    "weight_map": weight_map,
    "weight_map_memory": weight_map_memory,
    "warping": warping,
    "augmentation": augmentation,
    "augmentation_share": augmentation_share,
    "start_up": start_up,
    "idle_engine": idle_engine,
}

if __name__ == "__main__":
    main()
