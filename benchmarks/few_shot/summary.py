"""Medians over the seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.few_shot import results
from benchmarks.few_shot.methods import METHODS

WHOLE = "all"
"""The budget of methods that take the time that they take."""
LEAST_AP = 0.5
"""SEG does not punish invented objects: it counts only together with at least this AP50."""


@dataclass(frozen=True)
class Row:
    """One method on one set after one budget, over its seeds."""

    task: str
    method: str
    options: dict[str, Any]
    budget: str
    seeds: int
    seconds: float
    steps: int
    predict_seconds: float
    scores: dict[str, float]
    """Medians; a seed whose SEG does not count has the SEG 0 among them."""
    seg_of_all: float = float("nan")
    """The median SEG as if all seeds counted."""

    @property
    def title(self) -> str:
        """The method, and what was changed about it."""
        changed = ", ".join(
            name if value is True else f"{name} {value}" for name, value in self.options.items()
        )
        return METHODS[self.method].title + (f" ({changed})" if changed else "")


def rows(lines: Iterable[dict[str, Any]]) -> list[Row]:
    """One row for each set, budget, method and options, in this order; own time comes last."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        key = [line[name] for name in ("set", "budget", "method", "options")]
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(line)
    order = list(METHODS)
    return sorted(
        (_row(group) for group in groups.values()),
        key=lambda r: (r.task, _length(r.budget), order.index(r.method), r.title),
    )


def _length(budget: str) -> float:
    return float("inf") if budget == WHOLE else float(budget)


def _row(group: list[dict[str, Any]]) -> Row:
    one = group[0]
    scores = [results.scores(line) for line in group]
    counted = [s | {"seg": s["seg"] if counts(s) else 0.0} if "seg" in s else s for s in scores]
    return Row(
        one["set"],
        one["method"],
        one["options"],
        one["budget"],
        len(group),
        median(line["seconds"] for line in group),
        round(median(line["steps"] for line in group)),
        median(line["predict_seconds"] for line in group),
        {name: median(s[name] for s in counted) for name in scores[0]},
        median(s["seg"] for s in scores) if "seg" in scores[0] else float("nan"),
    )


def counts(scores: dict[str, float]) -> bool:
    """Whether the SEG of one run counts."""
    return scores["ap50"] >= LEAST_AP
