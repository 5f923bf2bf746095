"""Curves and table of benchmarks/simulated_user.py, into docs/simulated-user.md.

A target is PART of the IoU of the yardstick of the same seed; it is reached with the first stroke
after which the score, and that after the next stroke, is not below it.

python benchmarks/simulated_user_report.py [--results FILE] [--page FILE] [--picture FILE]
"""

from __future__ import annotations

import argparse
import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT
from simulated_user import FIRST, RESULTS, read_results, seconds_at

from napari_unet.comparison.canvas import (
    BLUE,
    FAINT,
    GRID,
    INK,
    ORANGE,
    Axis,
    Sheet,
    axis_over,
    short,
)

PART = 0.95
PAGE = ROOT / "docs" / "simulated-user.md"
PICTURE = ROOT / "docs" / "images" / "simulated-user.png"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
COLOURS = {"advice": BLUE, "random": ORANGE}
TITLES = {"isbi": "ISBI 2012", "dsb": "DSB 2018", "u373": "PhC-C2DH-U373"}
PANEL, HEIGHT = 300.0, 330.0
Run = dict[str, Any]
Group = tuple[str, int, int, str]
"""Set, strokes, steps per stroke, preset: runs that may be compared."""


def mean_iou(classes: list[float | None]) -> float:
    """Over the classes that there are."""
    return float(np.mean([v for v in classes if v is not None]))


def grouped(runs: list[Run]) -> dict[Group, dict[str, dict[int, list[float]]]]:
    """Mean IoU by stroke, by group, policy and seed; a later run replaces an earlier one."""
    found: dict[Group, dict[str, dict[int, list[float]]]] = {}
    for run in runs:
        group = (run["set"], run["strokes"], run["steps_per_stroke"], run["preset"])
        scores = [mean_iou(one) for one in run["iou"]]
        found.setdefault(group, {}).setdefault(run["policy"], {})[run["seed"]] = scores
    return dict(sorted(found.items()))


def reached(scores: list[float], target: float) -> float:
    """Number of strokes with which the target is reached; infinite where it is not."""
    for number, pair in enumerate(pairwise(scores)):
        if min(pair) >= target:
            return 2 * FIRST + number
    return math.inf


def title_of(group: Group) -> str:
    """The set, and the preset where it is not the usual one."""
    return TITLES[group[0]] + ("" if group[3] == "live" else f", {group[3]}")


def table(groups: dict[Group, dict[str, dict[int, list[float]]]]) -> str:
    """Markdown: one row for each set and policy, the median over the seeds."""
    rows = [
        "| images | policy | seeds | all labelled | IoU at the end | reached | strokes | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, policies in groups.items():
        full = policies.get("full", {})
        for policy in COLOURS:
            runs = {s: scores for s, scores in policies.get(policy, {}).items() if s in full}
            if not runs:
                continue
            strokes = [reached(scores, PART * full[s][-1]) for s, scores in runs.items()]
            # The lower of the two in the middle: the mean of a number and infinity says nothing.
            middle = sorted(strokes)[(len(strokes) - 1) // 2]
            never = math.isinf(middle)
            cells = [
                title_of(group),
                policy,
                len(runs),
                f"{np.median([full[s][-1] for s in runs]):.3f}",
                f"{np.median([scores[-1] for scores in runs.values()]):.3f}",
                f"{np.isfinite(strokes).sum()} of {len(runs)}",
                "not reached" if never else f"{middle:.0f}",
                "not reached" if never else f"{seconds_at(int(middle)):.0f}",
            ]
            rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


def draw(groups: dict[Group, dict[str, dict[int, list[float]]]], path: Path) -> None:
    """A panel by set: every seed thin, the median thick, the target as a line."""
    sheet = Sheet(PANEL * max(2, len(groups)), HEIGHT)
    wide = PANEL - 60 - 20 / max(1, len(groups))
    for number, (group, policies) in enumerate(groups.items()):
        _panel(sheet, group, policies, 52 + number * (wide + 60), wide)
    for position, (policy, colour) in enumerate(COLOURS.items()):
        sheet.dot(58 + 110 * position, HEIGHT - 18, 4.6, colour)
        sheet.text(70 + 110 * position, HEIGHT - 18, policy)
    sheet.line([(280, HEIGHT - 18), (304, HEIGHT - 18)], INK, 1.4)
    sheet.text(312, HEIGHT - 18, f"{PART:.0%} of the fully labelled IoU")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.picture().quantize(64).save(path, optimize=True)


def _panel(
    sheet: Sheet,
    group: Group,
    policies: dict[str, dict[int, list[float]]],
    left: float,
    wide: float,
) -> None:
    top, bottom = 44.0, HEIGHT - 78
    curves = {p: [s for _, s in sorted(policies.get(p, {}).items())] for p in COLOURS}
    targets = [PART * scores[-1] for scores in policies.get("full", {}).values()]
    values = [v for runs in curves.values() for scores in runs for v in scores]
    upright = axis_over([*values, *targets], bottom, top)
    across = Axis(2 * FIRST - 0.5, max(group[1], 2 * FIRST + 1) + 0.5, left, left + wide)
    sheet.text(left, 22, title_of(group), size=14)
    for tick in upright.ticks():
        sheet.line([(left, upright.place(tick)), (left + wide, upright.place(tick))], GRID)
        sheet.text(left - 8, upright.place(tick), short(tick), size=11, colour=FAINT, anchor="rm")
    for tick in (t for t in across.ticks() if t == int(t)):
        label = short(tick)
        sheet.text(across.place(tick), bottom + 14, label, size=11, colour=FAINT, anchor="mm")
        label = f"{seconds_at(int(tick)):.0f} s"
        sheet.text(across.place(tick), bottom + 28, label, size=10, colour=FAINT, anchor="mm")
    sheet.text(left + wide, bottom + 44, "strokes, seconds", size=11, colour=FAINT, anchor="rm")
    if targets:
        y = upright.place(float(np.median(targets)))
        sheet.line([(left, y), (left + wide, y)], INK, 1.4)
    for policy, runs in curves.items():
        for scores in runs if len(runs) > 1 else []:
            sheet.line(_points(scores, across, upright), COLOURS[policy] + "60", 0.8)
        if runs:
            middle = [float(v) for v in np.median(runs, axis=0)]
            sheet.line(_points(middle, across, upright), COLOURS[policy], 2.2)


def _points(scores: list[float], across: Axis, upright: Axis) -> list[tuple[float, float]]:
    return [(across.place(2 * FIRST + n), upright.place(v)) for n, v in enumerate(scores)]


def write_page(page: Path, text: str) -> None:
    """Replace what lies between the two marks of the page."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    runs = read_results(options.results)
    if not runs:
        parser.exit(1, f"There are no results in {options.results}: run simulated_user.py first.\n")
    # Those of the last run's settings: a trial with fewer strokes may lie in the same file.
    last = [runs[-1][key] for key in ("strokes", "steps_per_stroke")]
    groups = {g: p for g, p in grouped(runs).items() if list(g[1:3]) == last}
    draw(groups, options.picture)
    where = os.path.relpath(options.picture.resolve(), options.page.resolve().parent)
    strokes, steps = last
    about = f"{strokes} strokes, {steps} steps a stroke; medians over the seeds."
    picture = f"![IoU on test images against strokes, by set and policy]({Path(where).as_posix()})"
    write_page(options.page, f"{picture}\n\n{about}\n\n{table(groups)}")
    print(table(groups))


if __name__ == "__main__":
    main()
