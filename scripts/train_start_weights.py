"""Train the general start weights on drawn scenes: a model file, and the same as .safetensors.

They learn from what napari_unet.start.scenes draws and from nothing else. The second file is what
comes with the package, src/napari_unet/start/general-2d.safetensors.

python scripts/train_start_weights.py OUT.unet [--scenes 2500] [--steps 5000] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from safetensors.torch import save_file

from napari_unet.core.run import prepare
from napari_unet.start.general import packed
from napari_unet.start.scenes import draw
from napari_unet.training.events import Failed, Progress

SEED_APART = 1_000_000_000
"""Seeds of scenes that are trained on begin here; smaller ones are left for looking and testing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", type=int, default=2500)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        first = SEED_APART + options.seed * options.scenes
        drawn = list(pool.map(draw, range(first, first + options.scenes), chunksize=50))
    print(f"{options.scenes} scenes are drawn", file=sys.stderr)
    run = prepare(
        [picture for picture, _ in drawn],
        [ids for _, ids in drawn],
        kind="objects",
        classes=2,
        steps=options.steps,
        seed=options.seed,
        validation="none",
        averaging=0.995,
        shading=0.15,
        ramp=0,
    )
    start = time.monotonic()
    for event in run.events():
        if isinstance(event, Progress) and event.step % 100 == 0:
            pace = (time.monotonic() - start) / event.step
            print(f"step {event.step}: loss {event.loss:.4f}, {pace:.3f} s", file=sys.stderr)
            if event.step % 1000 == 0:
                run.model().save(options.out)
        if isinstance(event, Failed):
            sys.exit(event.message)
    model = run.model()
    model.save(options.out)
    save_file(packed(model.network.state_dict()), options.out.with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
