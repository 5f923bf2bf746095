"""Predicting a volume on disk, slab by slab: peak memory against the size of what is written.

python benchmarks/large_volume.py [--shape Z,Y,X] [--format tif|zarr] [--output NAME]

Memory is the peak of the resident set of the process that predicts, less that of a process that
predicts a small volume with the same tiles, so that torch itself does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from common import report

TILE = 64


def make_volume(path: Path, shape: tuple[int, ...]) -> None:
    array = zarr.create_array(path, shape=shape, chunks=(64, 64, 64), dtype="u1")
    block = np.random.default_rng(0).integers(0, 256, (64, *shape[1:]), np.uint8)
    for start in range(0, shape[0], 64):
        array[start : start + 64] = block[: shape[0] - start]


def predict(path: Path, out: Path, form: str, output: str) -> None:
    """In a process of its own: prints seconds and the peak of its resident set, in MB."""
    import torch

    from napari_unet.core import predict_files
    from napari_unet.model.header import Header, NormalisationConstants, default_classes
    from napari_unet.model.model import Model
    from napari_unet.networks import registry

    arguments: dict[str, Any] = {"width": 2, "depth": 1, "padding": "same", "norm": "none"}
    torch.manual_seed(0)
    network = registry.build("unet", dims=3, in_channels=1, out_channels=2, arguments=arguments)
    header = Header(
        network="unet",
        arguments=arguments,
        dims=3,
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="zyx",
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    )
    clock = time.perf_counter()
    model = Model(header, network.eval())
    for _ in predict_files(model, path, out, [output], tile=TILE, axes="zyx", form=form):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - clock, peak]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="256,512,512")
    parser.add_argument("--format", default="zarr")
    parser.add_argument("--output", default="probability")
    parser.add_argument("--child", nargs=2)
    chosen = parser.parse_args()
    if chosen.child:
        predict(*map(Path, chosen.child), chosen.format, chosen.output)
        return
    shape = tuple(int(n) for n in chosen.shape.split(","))
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("small", (64, 128, 128)), ("large", shape)):
            path = Path(folder) / f"{name}.zarr"
            make_volume(path, size)
            command = [sys.executable, __file__, "--child", str(path), str(Path(folder) / "out")]
            command += ["--format", chosen.format, "--output", chosen.output]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows[name] = json.loads(done.stdout.strip().splitlines()[-1])
    values = int(np.prod(shape))
    written = values * (8 if chosen.output == "probability" else 1)
    report(
        benchmark="large_volume",
        shape=shape,
        format=chosen.format,
        output=chosen.output,
        read_mb=round(values / 2**20),
        written_mb=round(written / 2**20),
        seconds=round(rows["large"][0], 1),
        peak_mb=round(rows["large"][1]),
        peak_mb_of_a_small_volume=round(rows["small"][1]),
        more_than_small_mb=round(rows["large"][1] - rows["small"][1]),
    )


if __name__ == "__main__":
    main()
