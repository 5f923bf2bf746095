"""ISBI 2012: train on slice 00 alone, score slices 20..29.

python benchmarks/isbi_one_slice.py [--budget 30s] [--seed 0]
"""

from __future__ import annotations

import argparse

from common import data, membrane_scores, read, report

from napari_unet import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="30s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slices", default="test", choices=["test", "tuning"])
    options = parser.parse_args()
    folder = data("isbi2012")
    image = read(folder / "images" / "00.png")
    cells = (read(folder / "masks" / "00.png") > 0).astype("uint8")
    model = train([image], [cells], kind="classes", budget=options.budget, seed=options.seed)
    slices = range(20, 30) if options.slices == "test" else range(3, 15, 3)
    membrane, cell, seconds = membrane_scores(model, slices)
    report(
        benchmark="isbi_one_slice",
        budget=options.budget,
        seed=options.seed,
        steps=model.header.history.steps,
        membrane_iou=round(membrane, 4),
        cell_iou=round(cell, 4),
        seconds_per_slice=round(seconds, 3),
    )


if __name__ == "__main__":
    main()
