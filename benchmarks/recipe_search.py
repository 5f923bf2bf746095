"""What learns fastest a second: one change of the recipe ``live`` at a time, under equal wall time.

python -m benchmarks.recipe_search [--budget 15s] [--seeds 3] [--variants a,b] [--tasks isbi,dsb]
    [--first-seed 0] [--again]
python -m benchmarks.recipe_search --table

Five sets, a few labelled images each, scored on other images of their training parts; no test image
is looked at. The score is the IoU of one class, the mean over images: membrane, cell, nucleus,
vessel, membrane. Variants take turns within a set and a seed, so that a busy hour hits them alike.
Results are added to benchmarks/results/recipe_search.jsonl after each run; what is there for the
same budget and seed is done again with --again only, and then the later line counts. The start
weights fit one architecture only, so networks of another shape are compared with ``random``, the
same recipe from random weights.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from benchmarks.common import about_machine, data
from benchmarks.few_shot.sets import TASKS
from benchmarks.schedule_free import schedule_free
from imageio.v3 import imread

from napari_unet import train
from napari_unet.engine.warm_up import warm_up
from napari_unet.errors import UserError

RESULTS = Path(__file__).parent / "results" / "recipe_search.jsonl"
Array = npt.NDArray[Any]
Pairs = list[tuple[Array, Array]]


@dataclass(frozen=True)
class Set:
    """Images and labels; ``scored``: the class whose IoU counts."""

    name: str
    kind: str
    scored: int
    from_few_shot: str = ""

    @cached_property
    def train(self) -> Pairs:
        if self.from_few_shot:
            return [(p.image, p.labels) for p in TASKS[self.from_few_shot].train]
        return _drive((21, 25)) if self.name == "drive" else _vnc((0,))

    @cached_property
    def held_back(self) -> Pairs:
        if self.from_few_shot:
            pairs = TASKS[self.from_few_shot].scored("tuning")
            every = math.ceil(len(pairs) / 8)
            return [(p.image, p.labels) for p in pairs[::every]]
        return _drive((29, 33, 37)) if self.name == "drive" else _vnc((5, 10))


def _drive(numbers: Sequence[int]) -> Pairs:
    folder = data("drive")
    names = [f"{n}_training.png" for n in numbers]
    return [
        (imread(folder / "images" / n), (imread(folder / "masks" / n) > 0).astype(np.uint8))
        for n in names
    ]


def _vnc(sections: Sequence[int]) -> Pairs:
    """Sections of the first twelve; all else belongs to the test part and its guard."""
    folder = data("vnc_sstem")
    files = sorted(path.name for path in (folder / "images").iterdir())
    return [
        (imread(folder / "images" / files[n]), imread(folder / "masks" / files[n]))
        for n in sections
    ]


SETS = {
    one.name: one
    for one in (
        Set("isbi", "classes", 0, "isbi-1"),
        Set("u373", "objects", 1, "u373"),
        Set("dsb", "objects", 1, "dsb-8"),
        Set("drive", "classes", 1),
        Set("vnc", "classes", 1),
    )
}


@dataclass(frozen=True)
class Variant:
    """``settings`` are fields of the recipe, or ``network`` and ``arguments``."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    random: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    schedule_free: bool = False

    def options(self) -> dict[str, Any]:
        """What :func:`napari_unet.train` is given beside the images."""
        start = {"start": "random"} if self.random else {}
        shape = {"arguments": self.arguments} if self.arguments else {}
        return {**self.settings, **start, **shape}


GREYS = {"contrast": 0.15, "brightness": 0.12, "gamma": 0.2, "shading": 0.15, "noise": 0.05}
SHAPE = {"width": 16, "depth": 4, "padding": "same", "norm": "batch", "dropout": 0.0}
VARIANTS = (
    Variant("live"),
    Variant("rate a third", {"learning_rate": 1e-3}),
    Variant("rate doubled", {"learning_rate": 6e-3}),
    Variant("rate held until the end", {"hold": 1.0}),
    Variant(
        "SGD 0.99", {"optimiser": "sgd", "learning_rate": 1e-2, "momentum": 0.99, "warm_up": 10}
    ),
    Variant("schedule-free AdamW", {"hold": 1.0}, schedule_free=True),
    Variant(
        "schedule-free AdamW, rate doubled",
        {"hold": 1.0, "learning_rate": 6e-3},
        schedule_free=True,
    ),
    Variant("no averaging", {"averaging": 0.0}),
    Variant("averaging 0.995", {"averaging": 0.995}),
    Variant("pieces of 128, eight", {"tile": 128, "batch": 8}),
    Variant("pieces of 256, two", {"tile": 256, "batch": 2}),
    Variant("half the batch", {"batch": 2}),
    Variant("no Dice", {"dice": 0.0}),
    Variant("no boundary weights", {"w0": 0.0}),
    Variant("no balance", {"balance": 0.0}),
    Variant("full balance", {"balance": 1.0}),
    Variant("no rare classes sought", {"rare": 0.0}),
    Variant("only rare classes sought", {"rare": 1.0}),
    Variant("no deformation", {"elastic_sd": 0.0}),
    Variant("deformation of the paper, sd 10", {"elastic_sd": 10.0}),
    Variant("free rotation", {"rotation": "free"}),
    Variant("greys varied half as much", GREYS),
    Variant("no uneven light", {"shading": 0.0}),
    Variant("twice the noise", {"noise": 0.2}),
    Variant("greys as they are", dict.fromkeys(GREYS, 0.0)),
    Variant("random", random=True),
    Variant("random, width 8", random=True, arguments=SHAPE | {"width": 8}),
    Variant("random, width 32", random=True, arguments=SHAPE | {"width": 32}),
    Variant("random, three poolings", random=True, arguments=SHAPE | {"depth": 3}),
    Variant("random, no normalisation", random=True, arguments=SHAPE | {"norm": "none"}),
    Variant("random, flat (lunet)", {"network": "lunet"}, random=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="15s")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="for two runs side by side")
    parser.add_argument("--variants", default="")
    parser.add_argument("--tasks", default=",".join(SETS))
    parser.add_argument("--again", action="store_true", help="also what is there already")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    known = read()
    if not options.table:
        wanted = set(options.variants.split(",")) if options.variants else None
        chosen = [v for v in VARIANTS if wanted is None or v.name in wanted]
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        tasks = options.tasks.split(",")
        search(chosen, tasks, options.budget, seeds, known, again=options.again)
    print(table([line for line in known if line["budget"] == options.budget]))


def read() -> list[dict[str, Any]]:
    """All runs so far."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def search(
    variants: Sequence[Variant],
    sets: Sequence[str],
    budget: str,
    seeds: Sequence[int],
    known: list[dict[str, Any]],
    *,
    again: bool = False,
) -> None:
    """Run what is not known yet, or all ``again``, and add it to ``known``."""
    warm_up()
    done = {(r["variant"], r["set"], r["budget"], r["seed"]) for r in known if not again}
    for seed in seeds:
        for name in sets:
            for variant in variants:
                if (variant.name, name, budget, seed) in done:
                    continue
                line = run(variant, SETS[name], budget, seed)
                known.append(line)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(json.dumps(line), flush=True)


def run(variant: Variant, one: Set, budget: str, seed: int) -> dict[str, Any]:
    """Train and score once."""
    line: dict[str, Any] = {"variant": variant.name, "set": one.name, "budget": budget}
    line |= {"seed": seed, "machine": about_machine()}
    images, labels = zip(*one.train, strict=True)
    try:
        with schedule_free() if variant.schedule_free else nullcontext():
            model = train(
                list(images),
                list(labels),
                kind=one.kind,
                budget=budget,
                seed=seed,
                **variant.options(),
            )
    except UserError as error:  # a loss that is no number, say: that is a result too
        return line | {"steps": 0, "iou": 0.0, "failed": str(error)}
    scores = []
    for image, truth in one.held_back:
        found = model.predict(image, output="classes") == one.scored
        right = (truth > 0) if one.kind == "objects" else truth == one.scored
        scores.append((found & right).sum() / max(1, (found | right).sum()))
    return line | {"steps": model.header.history.steps, "iou": round(float(np.mean(scores)), 4)}


def table(lines: list[dict[str, Any]]) -> str:
    """In Markdown: each variant's mean over seeds by set, less that of its reference."""
    sets = [name for name in SETS if any(line["set"] == name for line in lines)]
    rows = [f"| variant | {' | '.join(sets)} | mean change |", "|---" * (len(sets) + 2) + "|"]

    def scores(variant: str, name: str) -> dict[int, float]:
        return {r["seed"]: r["iou"] for r in lines if (r["variant"], r["set"]) == (variant, name)}

    for variant in VARIANTS:
        reference = "random" if variant.random and variant.name != "random" else "live"
        cells, changes = [], []
        for name in sets:
            mine, other = scores(variant.name, name), scores(reference, name)
            both = sorted(mine.keys() & other.keys())
            if not both:
                cells.append("")
                continue
            mean = np.mean([mine[s] for s in both])
            if variant.name == reference:
                cells.append(f"{mean:.3f}")
                continue
            change = float(mean - np.mean([other[s] for s in both]))
            changes.append(change)
            cells.append(f"{change:+.3f}")
        if any(cells):
            total = f"{np.mean(changes):+.3f}" if changes else ""
            rows.append(f"| {variant.name} | {' | '.join(cells)} | {total} |")
    seeds = sorted({line["seed"] for line in lines})
    return "\n".join([*rows, "", f"Seeds {', '.join(map(str, seeds))}."])


if __name__ == "__main__":
    main()
