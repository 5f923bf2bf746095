"""The results as one picture: a panel for each set, the first score over seconds of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.few_shot.methods import METHODS
from benchmarks.few_shot.sets import TASKS, Task
from benchmarks.few_shot.summary import Row, rows
from benchmarks.few_shot.table import NAMES
from PIL import Image

from napari_unet.comparison.canvas import FAINT, Sheet, axis_over

WIDTH, HEIGHT, LEGEND = 430.0, 290.0, 60.0
COLOURS = dict(
    zip(
        METHODS,
        # Okabe and Ito; a lighter green and an olive more.
        (
            *("#000000", "#009e73", "#7fceb9", "#0072b2", "#d55e00"),
            *("#cc79a7", "#e69f00", "#56b4e9", "#8a7f00"),
        ),
        strict=True,
    )
)
PLOTTED = {"isbi-4": "membrane_iou", "isbi-1": "membrane_iou", "u373": "seg", "dsb-8": "ap50"}


def draw(lines: Sequence[dict[str, Any]]) -> Image.Image:
    """Medians over the seeds; a method without budgets is a dot at its own time."""
    found = rows(lines)
    tasks = [task for name, task in TASKS.items() if any(row.task == name for row in found)]
    down = max(1, (len(tasks) + 1) // 2)
    sheet = Sheet(WIDTH * min(2, max(1, len(tasks))), HEIGHT * down + LEGEND)
    for place, task in enumerate(tasks):
        left, top = WIDTH * (place % 2), HEIGHT * (place // 2)
        _panel(sheet, task, [row for row in found if row.task == task.name], left, top)
    _legend(sheet, list(dict.fromkeys((row.method, row.title) for row in found)), HEIGHT * down)
    return sheet.picture()


def _panel(sheet: Sheet, task: Task, found: list[Row], left: float, top: float) -> None:
    metric = PLOTTED[task.name]
    bottom, right = top + HEIGHT - 44, left + WIDTH - 18
    seconds = [max(row.seconds, 0.1) for row in found]
    across = axis_over(seconds, left + 52, right, log=True)
    upright = axis_over([0, *(row.scores[metric] for row in found)], bottom, top + 38)
    sheet.text(left + 52, top + 18, f"{task.title}: {NAMES[metric]}", size=13)
    sheet.grid(across, upright)
    sheet.text(
        (left + 52 + right) / 2, bottom + 32, "seconds of training", colour=FAINT, anchor="mm"
    )
    curves: dict[str, list[Row]] = {}
    for row in found:
        curves.setdefault(row.title, []).append(row)
    for curve in curves.values():
        colour = COLOURS[curve[0].method]
        points = [
            (across.place(max(row.seconds, 0.1)), upright.place(row.scores[metric]))
            for row in sorted(curve, key=lambda row: row.seconds)
        ]
        if len(points) > 1:
            # The same method with other options: thinner.
            sheet.line(points, colour, 1.0 if curve[0].options else 2.0)
        for x, y in points:
            sheet.dot(x, y, 3.5, colour)


def _legend(sheet: Sheet, titles: list[tuple[str, str]], top: float) -> None:
    x, y = 24.0, top + 16
    for method, title in titles:
        width = sheet.text_width(title, 12) + 40
        if x + width > sheet.width:
            x, y = 24.0, y + 20
        sheet.line([(x, y), (x + 16, y)], COLOURS[method], 2.5)
        sheet.text(x + 22, y, title, size=12)
        x += width
