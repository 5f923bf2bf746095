"""The results as tables in Markdown, for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.few_shot.methods import METHODS
from benchmarks.few_shot.sets import TASKS, TUNING, Task
from benchmarks.few_shot.summary import WHOLE, Row, rows

NAMES = {
    "membrane_iou": "membrane IoU",
    "cell_iou": "cell IoU",
    "rand_error": "Rand error",
    "rand_error_test_optimal": "Rand error, test-optimal threshold",
    "rand_error_test_optimal_by_slice": "the same by slice",
    "ap50": "AP50",
    "seg": "SEG",
    "iou": "IoU",
}


def markdown(lines: Sequence[dict[str, Any]]) -> str:
    """A table for each set, shortest budgets first; medians over seeds."""
    if not lines:
        return "There are no such results yet."
    parts = []
    for name, task in TASKS.items():
        found = [row for row in rows(lines) if row.task == name]
        if found:
            parts.append(f"### {task.title}\n\n{_table(task, found)}")
    tuning = [
        name for name in TASKS if any((r["set"], r["part"]) == (name, "tuning") for r in lines)
    ]
    if tuning:
        parts.append("Scored on " + "; ".join(f"{n}: {TUNING[n]}" for n in tuning) + ".")
    return "\n\n".join([*parts, where(lines)])


def _table(task: Task, found: list[Row]) -> str:
    heads = ["after", "method", *(NAMES[m] for m in task.metrics)]
    heads += ["steps", "s of training", "s an image", "seeds"]
    text = [_line(heads), "|---" * len(heads) + "|"]
    for row in found:
        cells = ["its own time" if row.budget == WHOLE else f"{row.budget} s", row.title]
        cells += [score(row, metric) for metric in task.metrics]
        cells += [
            str(row.steps or "–"),
            f"{row.seconds:.1f}",
            f"{row.predict_seconds:.2f}",
            str(row.seeds),
        ]
        text.append(_line(cells))
    return "\n".join(text)


def score(row: Row, metric: str) -> str:
    """Three digits; in brackets a SEG that invented objects forbid to count."""
    value = row.scores.get(metric, float("nan"))
    if value != value:
        return "–"
    return f"({row.seg_of_all:.3f})" if metric == "seg" and value == 0 else f"{value:.3f}"


def where(lines: Sequence[dict[str, Any]]) -> str:
    """Machines, days and versions; more than one machine is said plainly."""
    machines = sorted(
        {
            f"{m['cpu']}, {m['threads']} of {m['cores']} cores, {m['memory_gib']} GiB, "
            f"Python {m['python']}"
            for m in (line["machine"] for line in lines)
        }
    )
    days = sorted({line["machine"]["date"][:10] for line in lines})
    loads = [line["machine"]["load"] for line in lines]
    text = [
        "Measured on " + " and on ".join(machines) + ", " + " to ".join(sorted({days[0], days[-1]}))
    ]
    text[0] += f"; load of others before each run up to {max(loads):.1f}."
    if len(machines) > 1:
        text.append("**Not all on one machine: do not compare the seconds.**")
    for name, method in METHODS.items():
        used = sorted({_versions(line) for line in lines if line["method"] == name})
        if used:
            text.append(f"{method.title}: {'; or '.join(used)}.")
    return "  \n".join(text)


def _versions(line: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(line["versions"].items()))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
