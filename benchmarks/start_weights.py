"""Are start weights worth having, and do they ever harm? The live U-Net on every 2D set.

python benchmarks/start_weights.py [--budget 120s | --steps N] [--sets a,b] [--images 12] [--seed 0]
    [--again]

Three trainings a set: from random weights for the whole budget, from the general start weights for
the whole budget, and from them for a fifth of it. Trained on the training part, tested on the test
part as ``papers/ubench.py`` does. Results are added to
benchmarks/results/papers/start_weights.json after each set; what is there is measured again with
``--again`` only, and replaced. ``--table`` prints what is there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "papers"))

from common_papers import Records, rounded
from sets import SETS
from ubench import REFERENCE, Bench, mean_of, options_parser

from napari_unet.comparison.records import RunResult
from napari_unet.core import parse_seconds

KEY = ("budget", "steps", "seed", "images")
SHORTER = 5
"""How much shorter the way from start weights should be."""


def main() -> None:
    parser = options_parser(__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print what was measured")
    parser.add_argument("--again", action="store_true", help="also what is there already")
    parser.set_defaults(name="start_weights", budget="120s")
    options = parser.parse_args()
    records = Records(options.out / f"{options.name}.json")
    for name in options.sets.split(","):
        key = {"set": name} | {k: getattr(options, k) for k in KEY}
        if (options.again or records.find(key) is None) and not options.table:
            records.add(key, measured(name, options))
        if (found := records.find(key)) is not None:
            values = (found[k] for k in ("random", "general", "general_shorter"))
            print(f"| {name} | {found['metric']} |", " | ".join(map("{:.3f}".format, values)), "|")


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Mean score over the test images of each of the three trainings."""
    one = SETS[name](options.images)
    short = argparse.Namespace(**vars(options))
    short.steps = options.steps and max(1, options.steps // SHORTER)
    short.budget = f"{parse_seconds(options.budget) / SHORTER:g}s"
    bench, shorter = Bench(one, options), Bench(one, short)
    arguments = bench.arguments(REFERENCE)
    runs: dict[str, RunResult] = {
        "random": bench.run(REFERENCE, arguments),
        "general": bench.run(REFERENCE, arguments, "general"),
        "general_shorter": shorter.run(REFERENCE, arguments, "general"),
    }
    found: dict[str, Any] = {"metric": one.metric}
    for which, run in runs.items():
        if run.failed:
            raise RuntimeError(f"{name}, {which}: {run.failed}")
        found |= {which: mean_of(run, one.metric), f"steps_{which}": run.steps}
    return rounded(found)


if __name__ == "__main__":
    main()
