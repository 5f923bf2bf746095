"""The live boundary weight map: 1024 x 1024 pixels, 300 objects; seconds at the start and a change.

python benchmarks/live_weights.py
"""

from __future__ import annotations

import time

import numpy as np
from common import report

from napari_unet.annotations.boundary_weights import reach_of
from napari_unet.annotations.live_weights import LiveWeights
from napari_unet.annotations.targets import make_target
from napari_unet.synthetic import touching_cells


def main() -> None:
    _, objects = touching_cells(1024, 300, seed=0)
    target = make_target(objects, "objects", complete=True)
    clock = time.perf_counter()
    live = LiveWeights(target, reach_of(10, 5))
    prepared = time.perf_counter() - clock
    seconds = []
    for sigma in np.linspace(1, 5, 21):
        clock = time.perf_counter()
        live.weights(10, float(sigma), 0.35)
        seconds.append(time.perf_counter() - clock)
    report(
        benchmark="live_weights",
        objects=len(np.unique(objects)) - 1,
        distances_seconds=round(prepared, 3),
        change_median_seconds=round(float(np.median(seconds)), 4),
        change_longest_seconds=round(max(seconds), 4),
    )


if __name__ == "__main__":
    main()
