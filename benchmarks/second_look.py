"""How much of a second look at half the size, averaged with the first, is good.

OMP_NUM_THREADS=1 python -m benchmarks.second_look [--steps 18,110] [--seeds 2]
    [--tasks isbi-near,isbi-rough,vnc,u373,dsb,dsb-larger,dsb-smaller]
    [--shares 0,0.2,0.3,0.4,0.5] [--results FILE] [--table]

Trains ``live`` once for each task, seed and number of steps, and predicts with each share (0: one
look). Tasks as in ``other_images``: training parts only, no test image is looked at. One line of
JSON for each prediction, appended to ``--results``; ``--table`` prints them as Markdown, each
figure the mean over the seeds, the change against one look behind it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.common import about_machine
from benchmarks.few_shot import scoring
from benchmarks.other_images import named, scored

from napari_unet import train
from napari_unet.model.model import Model

RESULTS = Path(__file__).parent / "results" / "second_look.jsonl"
TASKS = "isbi-near,isbi-rough,vnc,u373,dsb,dsb-larger,dsb-smaller"
SHOWN = ("membrane_iou", "rand_error_test_optimal", "ap50", "seg")
KEPT = (*SHOWN, "iou", "rand_error", "rand_error_test_optimal_by_slice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", default="18,110")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("--shares", default="0,0.2,0.3,0.4,0.5")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        lines = [json.loads(line) for line in options.results.read_text().splitlines()]
        print(table(lines))
        return
    shares = [float(share) for share in options.shares.split(",")]
    for seed in range(options.seeds):
        for steps in map(int, options.steps.split(",")):
            for name in options.tasks.split(","):
                for share, found in run(name, steps, seed, shares):
                    about = {"task": name, "steps": steps, "seed": seed, "share": share}
                    line = json.dumps(about | found | {"machine": about_machine()})
                    print(line, flush=True)
                    with options.results.open("a") as file:
                        file.write(line + "\n")


def run(
    name: str, steps: int, seed: int, shares: list[float]
) -> list[tuple[float, dict[str, float]]]:
    """Train once, and score what is predicted with each share."""
    task = named(name)
    images, labels = zip(*((pair.image, pair.labels) for pair in task.train), strict=True)
    model = train(
        list(images), list(labels), kind=task.kind, steps=steps, seed=seed, validation="none"
    )
    pairs = scored(task)
    found = []
    for share in shares:
        looking = with_share(model, share)
        predicted = [looking.predict(pair.image)[1] for pair in pairs]
        scores = scoring.score(task, pairs, predicted)["same"]
        found.append((share, {k: round(float(scores[k]), 4) for k in KEPT if k in scores}))
    return found


def with_share(model: Model, share: float) -> Model:
    """``model`` with another share of the second look; the network is shared."""
    preset = {**model.header.preset, "second_look": share}
    return Model(model.header.model_copy(update={"preset": preset}), model.network)


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown: a row for each task, number of steps and score, a column for each share."""
    shares = sorted({line["share"] for line in lines})
    rows = [["task", "steps", "score", *(f"{share:g}" for share in shares), "seeds"]]
    rows.append(["---"] * len(rows[0]))
    for task, steps in dict.fromkeys((line["task"], line["steps"]) for line in lines):
        those = [line for line in lines if (line["task"], line["steps"]) == (task, steps)]
        for score in (name for name in SHOWN if name in those[0]):
            means = {s: mean(ln[score] for ln in those if ln["share"] == s) for s in shares}
            cells = [
                f"{means[s]:.3f}" + (f" ({means[s] - means[0]:+.3f})" if s else "") for s in shares
            ]
            seeds = str(len({line["seed"] for line in those}))
            rows.append([task, str(steps), score.replace("_", " "), *cells, seeds])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
