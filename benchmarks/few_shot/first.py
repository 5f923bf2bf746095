"""The first useful mask: when the forest's own score is reached and shown, by a live training.

A training without an end, as the dock has it, is stopped for a look at growing times; the looks
are not counted. Shown means: the training time, the averaged model made ready, one image predicted.
The forest's time is features and fit of all labelled images, and one image predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.few_shot import results
from benchmarks.few_shot.sets import TASKS
from benchmarks.few_shot.summary import LEAST_AP
from benchmarks.few_shot.table import NAMES, where

LOOKS = (0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60)
"""Seconds of training after which a live training is looked at."""


@dataclass(frozen=True)
class First:
    """One set and seed; ``seconds`` is None where the forest was never reached."""

    task: str
    metric: str
    wanted: float
    forest_seconds: float
    seconds: float | None
    reached: float
    """What was reached then, or the best of all looks."""


def first(forest: dict[str, Any], live: Sequence[dict[str, Any]]) -> First:
    """Compare a forest's line with the lines of one live training."""
    task = TASKS[forest["set"]]
    metric = task.metrics[0]
    goal = results.scores(forest)
    best = 0.0
    for line in sorted(live, key=lambda one: one["seconds"]):
        values = results.scores(line)
        best = max(best, values[metric])
        if values[metric] < goal[metric]:
            continue
        if metric == "seg" and values["ap50"] < min(goal["ap50"], LEAST_AP):
            continue
        shown = line["seconds"] + line["model_seconds"] + line["predict_seconds"]
        return First(task.name, metric, goal[metric], spent(forest), shown, values[metric])
    return First(task.name, metric, goal[metric], spent(forest), None, best)


def spent(forest: dict[str, Any]) -> float:
    """Seconds until a forest shows its first mask."""
    return float(forest["seconds"] + forest["predict_seconds"])


def markdown(lines: Sequence[dict[str, Any]], recipe: dict[str, Any]) -> str:
    """A row for each set: medians over the seeds that have both runs."""
    text = [
        "| set | score of the forest | forest shows it after | ours after | part | seeds |",
        "|---|---|---|---|---|---|",
    ]
    used = []
    for name, task in TASKS.items():
        found = []
        for forest in lines:
            if (forest["set"], forest["method"], forest["options"]) != (name, "forest", {}):
                continue
            live = [
                line
                for line in lines
                if line["set"] == name
                and line["method"] == "ours"
                and line["options"] == recipe
                and line["seed"] == forest["seed"]
            ]
            if live:
                found.append(first(forest, live))
                used += [forest, *live]
        if found:
            text.append(_row(task.title, found))
    return "\n".join(text) + ("\n\n" + where(used) if used else "")


def _row(title: str, found: list[First]) -> str:
    wanted = median(one.wanted for one in found)
    forest = median(one.forest_seconds for one in found)
    # Never is longer than any time.
    ours = median(float("inf") if one.seconds is None else one.seconds for one in found)
    if ours == float("inf"):
        best = median(one.reached for one in found)
        shown, part = f"not reached (best {best:.3f})", "–"
    else:
        shown, part = f"{ours:.2f} s", f"{ours / forest:.2f}"
    return (
        f"| {title} | {NAMES[found[0].metric]} {wanted:.3f} | {forest:.1f} s | {shown} | {part} "
        f"| {len(found)} |"
    )
