"""Every 2D network after the same time: ISBI 2012, trained on slices 00, 05, 10, scored on 20..29.

python benchmarks/zoo_isbi.py [--budget 120s] [--seed 0] [--networks a,b,c]
python benchmarks/zoo_isbi.py --table

All start from random weights, with the preset live and the arguments that the catalogue names for
it. Results are added to benchmarks/results/zoo_isbi.json after each network; what is there for the
same budget and seed is not done again. The table, in Markdown, has each network's membrane IoU as a
part of that of unet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from common import about_machine, data, membrane_scores, read

from napari_unet import train
from napari_unet.networks import registry

RESULTS = Path(__file__).parent / "results" / "zoo_isbi.json"
TRAINED_ON, TESTED_ON = (0, 5, 10), range(20, 30)
ENOUGH = 0.9
"""Part of the membrane IoU of unet that a network should reach."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="120s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--networks", default="", help="default: all in 2D")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    known: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    if options.table:
        print(table([one for one in known if one["seed"] == options.seed]))
        return
    names = [n for n in options.networks.split(",") if n]
    for name in names or [n for n in registry.names() if 2 in registry.spec(n).dims]:
        key = {"network": name, "budget": options.budget, "seed": options.seed}
        if any(key.items() <= one.items() for one in known):
            continue
        result = key | measure(name, options.budget, options.seed)
        print(json.dumps(result), flush=True)
        known.append(result)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(known, indent=1) + "\n")


def measure(name: str, budget: str, seed: int) -> dict[str, Any]:
    """Train one network and score it."""
    folder = data("isbi2012")
    images = [read(folder / "images" / f"{n:02d}.png") for n in TRAINED_ON]
    cells = [(read(folder / "masks" / f"{n:02d}.png") > 0).astype("uint8") for n in TRAINED_ON]
    model = train(
        images, cells, kind="classes", network=name, budget=budget, seed=seed, start="random"
    )
    membrane, cell, seconds = membrane_scores(model, TESTED_ON)
    return {
        "arguments": model.header.arguments,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "steps": model.header.history.steps,
        "membrane_iou": round(membrane, 4),
        "cell_iou": round(cell, 4),
        "seconds_per_slice": round(seconds, 3),
        "machine": about_machine(),
    }


def table(results: list[dict[str, Any]]) -> str:
    """Best first, in Markdown."""
    base = {one["budget"]: one["membrane_iou"] for one in results if one["network"] == "unet"}
    lines = [
        "| network | parameters | steps | membrane IoU | of unet's | cell IoU | s a slice |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in sorted(results, key=lambda one: -one["membrane_iou"]):
        part = one["membrane_iou"] / base[one["budget"]] if one["budget"] in base else float("nan")
        lines.append(
            f"| `{one['network']}` | {one['parameters']:,} | {one['steps']} "
            f"| {one['membrane_iou']:.3f} | {part:.0%}{'' if part >= ENOUGH else ' (less)'} "
            f"| {one['cell_iou']:.3f} | {one['seconds_per_slice']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
