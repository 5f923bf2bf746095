"""What a recipe learns for images unlike those it was trained on.

OMP_NUM_THREADS=1 python -m benchmarks.other_images [--steps 110] [--seeds 2]
    [--tasks isbi-far,vnc,dsb-larger,dsb-smaller,u373,isbi-near,isbi-rough,dsb]
    [--variants live,no_shading] [--spoil dark]

A number of steps, so that the figures do not depend on the machine. Training parts only; no test
image is looked at:

- ``isbi-far``: slices 00, 02, 04, 06; scored on 12, 13, 14.
- ``vnc``: slices 00, 05, 10, 14 of ISBI; scored on the middle of sections 0, 5 and 10 of another
  laboratory's nerve cord (``vnc_sstem``), where all but membrane counts as cell.
- ``dsb-larger``: eight images of 256 x 256 pixels, scored on nine larger ones; ``dsb-smaller`` the
  other way round. The sizes come from different microscopes and dyes.
- ``u373``: four images of sequence 01, scored on every other of its other eleven.
- ``isbi-near``: slices 00, 05, 10, 14, scored on 03, 06, 09, 12; ``isbi-rough``: on 15 to 19, the
  guard band before the test slices, which are as rough as these are.
- ``dsb``: the eight images of the few-shot benchmark, scored on every sixth of the others.

``--spoil`` changes the scored images: ``noise`` (sd 0.16 of half the range), ``blur`` (sd 1.2
pixels), ``dark`` (three quarters of the contrast, and darker). One line of JSON for each run.
``--roughness`` trains nothing: it prints for each slice of ISBI, without its labels, the standard
deviation of what a Gaussian of one pixel takes away, in the range between percentiles 1 and 99.
``--detail`` trains nothing either: how much of that is left in deformed pieces of the first image,
mean of 60, by interpolation, and milliseconds for 512 x 512 pixels on one thread.
"""

from __future__ import annotations

import argparse
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from benchmarks.common import data, read, report
from benchmarks.few_shot import scoring
from benchmarks.few_shot.sets import TASKS, Pair, Task
from scipy import ndimage

from napari_unet import train
from napari_unet.training.elastic import INTERPOLATION, blurred, sample, sampling_grid
from napari_unet.training.presets import preset

SMALL = ((256, 256),)
LARGE = ((360, 360), (520, 696), (512, 640))
HALF = {"contrast": 0.15, "brightness": 0.12, "gamma": 0.2, "noise": 0.05}
QUARTER = {"contrast": 0.08, "brightness": 0.06, "gamma": 0.1}
VARIANTS: dict[str, dict[str, Any]] = {
    "live": {},
    "no_shading": {"shading": 0.0},
    "some_shading": {"shading": 0.15},
    "half": HALF | {"shading": 0.15},
    "quarter": QUARTER | {"shading": 0.08},
    "strong": {"contrast": 0.5, "brightness": 0.4, "gamma": 0.7, "shading": 0.5, "noise": 0.2},
    "noise": {"noise": 0.2},
    "noise_no_shading": {"noise": 0.2, "shading": 0.0},
    "full_balance": {"balance": 1.0},
    "no_sharpness": {"sharpness": 0.0},
    "sharpness": {"sharpness": 0.8},
    "zoom2": {"scale": 0.2},
    "zoom4": {"scale": 0.4},
    "zoom6": {"scale": 0.6},
    "zoom9": {"scale": 0.9},
    "linear": {"sharpness": 0.0},
    "linear_sharpness": {"sharpness": 1.0},
}
"""Fields of the recipe ``live``, which zooms by 0.2, and objects by 0.6. Pieces of ``linear`` and
``linear_sharpness`` are interpolated linearly, as all were before 2026-11-22."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=110)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", default="isbi-far,vnc,dsb-larger,dsb-smaller,u373")
    parser.add_argument("--variants", default="live,no_shading")
    parser.add_argument("--spoil", default="", choices=["", "noise", "blur", "dark"])
    parser.add_argument("--roughness", action="store_true")
    parser.add_argument("--detail", action="store_true")
    options = parser.parse_args()
    if options.roughness:
        print(" ".join(f"{roughness(n):.3f}" for n in range(30)))
        return
    if options.detail:
        for mode in ("bilinear", "bicubic"):
            left = [f"{name} {detail_left(name, mode):.3f}" for name in ("isbi-4", "u373", "dsb-8")]
            print(mode, *left, f"{milliseconds(mode):.2f} ms")
        return
    for seed in range(options.seeds):
        for name in options.tasks.split(","):
            for variant in options.variants.split(","):
                found = run(name, variant, options.steps, seed, options.spoil)
                about = {"task": name, "variant": variant, "steps": options.steps, "seed": seed}
                report(benchmark="other_images", **about, spoilt=options.spoil, **found)


def run(name: str, variant: str, steps: int, seed: int, spoil: str) -> dict[str, float]:
    """Train, and score the other images."""
    task = named(name)
    linear = {2: "bilinear"} if variant.startswith("linear") else {}
    with patch.dict(INTERPOLATION, linear):
        model = train(
            [pair.image for pair in task.train],
            [pair.labels for pair in task.train],
            kind=task.kind,
            steps=steps,
            seed=seed,
            validation="none",
            **VARIANTS[variant],
        )
    pairs = [spoilt(pair, spoil) for pair in scored(task)]
    found = scoring.score(task, pairs, [model.predict(pair.image)[1] for pair in pairs])["same"]
    wanted = ("iou", "ap50", "seg", "membrane_iou", "rand_error", "rand_error_test_optimal")
    return {key: round(float(value), 4) for key, value in found.items() if key in wanted}


def named(name: str) -> Task:
    """The task, whose part ``tuning`` is what is scored."""
    if name == "isbi-far":
        slices = {"train": (0, 2, 4, 6), "tuning": (12, 13, 14)}
        return replace(TASKS["isbi-4"], name=name, choose=_isbi(slices))
    if name == "isbi-rough":
        rough = {"train": (0, 5, 10, 14), "tuning": range(15, 20)}
        return replace(TASKS["isbi-4"], name=name, choose=_isbi(rough))
    if name in ("vnc", "isbi-near"):
        return replace(TASKS["isbi-4"], name=name)
    if name == "dsb":
        return replace(TASKS["dsb-8"], name=name)
    if name in ("dsb-larger", "dsb-smaller"):
        learn, test = (SMALL, LARGE) if name == "dsb-larger" else (LARGE, SMALL)
        return replace(TASKS["dsb-8"], name=name, choose=_dsb(learn, test))
    return TASKS["u373"]


def scored(task: Task) -> list[Pair]:
    """Images and labels that are scored, none of them trained on."""
    if task.name == "vnc":
        return _vnc()
    pairs = task.scored("tuning")
    return pairs[::2] if task.name in ("u373", "dsb") else pairs


def spoilt(pair: Pair, how: str) -> Pair:
    """The image as another day, focus or detector might have given it."""
    image = pair.image.astype(np.float32)
    low, high = np.percentile(image, [1, 99])
    half = max(1.0, float(high - low) / 2)
    if how == "noise":
        image += np.random.default_rng(5).normal(0, 0.16 * half, image.shape)
    elif how == "blur":
        image = ndimage.gaussian_filter(image, 1.2)
    elif how == "dark":
        image = low + (image - low) * 0.75 - 0.1 * half
    return replace(pair, image=np.clip(image, 0, 255).astype(np.uint8))


def roughness(number: int) -> float:
    """See ``--roughness``."""
    image = read(data("isbi2012") / "images" / f"{number:02d}.png").astype(np.float64)
    low, high = np.percentile(image, [1, 99])
    return float((image - ndimage.gaussian_filter(image, 1)).std() / (high - low))


def detail_left(name: str, mode: str) -> float:
    """See ``--detail``."""
    image = torch.from_numpy(TASKS[name].train[0].image.astype(np.float32))[None, None]
    half = min(130, min(image.shape[2:]) // 2 - 4)
    left = []
    for seed in range(60):
        generator, places = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        y, x = (int(places.integers(half, n - half + 1)) for n in image.shape[2:])
        window = image[:, :, y - half : y + half, x - half : x + half]
        grid = sampling_grid((half, half), 1, preset(), generator)
        piece = sample(window, grid, mode)
        inner = slice(half // 2, half // 2 + half)
        plain = window[:, :, inner, inner]
        left.append(float((piece - blurred(piece)).std() / (plain - blurred(plain)).std()))
    return float(np.mean(left))


def milliseconds(mode: str) -> float:
    """See ``--detail``."""
    torch.set_num_threads(1)
    window = torch.rand(1, 1, 560, 560)
    grid = sampling_grid((512, 512), 1, preset(scale=0.0), torch.Generator().manual_seed(0))
    return 1000 * median(timeit.repeat(lambda: sample(window, grid, mode), number=1, repeat=30))


Choose = Callable[[str], list[tuple[Path, Path]]]


def _isbi(slices: Mapping[str, Sequence[int]]) -> Choose:
    folder = data("isbi2012")
    return lambda part: _files(folder, [f"{n:02d}.png" for n in slices[part]])


def _dsb(learn: tuple[tuple[int, int], ...], test: tuple[tuple[int, int], ...]) -> Choose:
    folder = data("dsb2018_fluo") / "train"
    names = sorted(file.name for file in (folder / "images").iterdir())
    shapes = {name: read(folder / "images" / name).shape for name in names}

    def spread(wanted: tuple[tuple[int, int], ...], number: int) -> list[str]:
        fitting = [name for name in names if shapes[name] in wanted]
        return fitting[:: len(fitting) // number][:number]

    chosen = {"train": spread(learn, 8), "tuning": spread(test, 9)}
    return lambda part: _files(folder, chosen[part])


def _vnc() -> list[Pair]:
    folder = data("vnc_sstem")
    middle = np.s_[200:712, 200:712]
    files = sorted((folder / "images").iterdir())
    return [
        Pair(
            files[n].name,
            read(files[n])[middle],
            (read(folder / "masks" / files[n].name)[middle] != 1).astype(np.uint8),
        )
        for n in (0, 5, 10)
    ]


def _files(folder: Path, names: list[str]) -> list[tuple[Path, Path]]:
    return [(folder / "images" / name, folder / "masks" / name) for name in names]


if __name__ == "__main__":
    main()
