"""Pictures of errors and scores against training time, from the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unet.comparison.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    INK,
    ORANGE,
    RED,
    Sheet,
    axis_over,
    short,
)
from napari_unet.project.files import read_json

WIDTH, HEIGHT = 860.0, 330.0
COLOURS = (ORANGE, BLUE, GREEN, RED, INK, "#8a4fbd", "#8f7a00", "#00839c", "#e0559d", "#9aa3ad")
IN_A_ROW, ROW = 2, 20.0
"""Of the legend below the panels."""
LEFT_OUT = {"w0": "without boundary weights", "elastic_sd": "without elastic deformation"}
"""What it means that a number of the recipe is 0."""
USUAL = {"preset", "start", "seed", "device", "precision", "validation", "arguments", "network"}
Lines = dict[str, list[tuple[float, float]]]
Panel = tuple[str, Lines, float | None]
"""Title, lines and published figure."""


def draw_curves(results: Path, pictures: Path) -> None:
    """Write a picture for each file of results that is there."""
    if (path := results / "em_isbi.json").exists():
        records = read_json(path)

        def error(point: dict[str, Any], name: str) -> float:
            return float(point["views"][name]["test_optimal"]["error"])

        rand = lines(records, lambda p: error(p, "rand"))
        pixel = lines(records, lambda p: error(p, "pixel_f"))
        panels: list[Panel] = [
            ("Rand error, test-optimal", rand, 0.0382),
            ("pixel error (1 - F), test-optimal", pixel, 0.0611),
        ]
        draw(panels, pictures / "papers-isbi.png")
    if (path := results / "ctc_u373.json").exists():
        records = read_json(path)
        panels = [
            ("SEG", lines(records, lambda p: float(p["views"]["seg"])), 0.9203),
            ("AP50", lines(records, lambda p: float(p["views"]["ap50"])), None),
        ]
        draw(panels, pictures / "papers-u373.png")


def lines(records: list[dict[str, Any]], value: Any) -> Lines:
    """(minutes, value) by training."""
    found: Lines = {}
    for number, one in enumerate(records, 1):
        name = called(one["settings"])
        name = name if name not in found else f"{name} ({number})"
        found[name] = [(p["seconds"] / 60, value(p)) for p in one["points"]]
    return found


def called(settings: dict[str, Any]) -> str:
    """What tells a training from the others, in a few words."""
    given = settings["recipe"]
    changed = [
        f"{name} {value}" if value or name not in LEFT_OUT else LEFT_OUT[name]
        for name, value in given.items()
        if name not in USUAL
    ]
    length = f"{settings['steps']} steps" if settings["steps"] else settings["budget"].lstrip("0")
    return ", ".join([f"from {given['start']} weights", length, *changed])


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Two panels side by side; a faint line where the published figure of other data lies."""
    rows = -(-len(panels[0][1]) // IN_A_ROW)
    sheet = Sheet(WIDTH, HEIGHT + (rows - 1) * ROW)
    wide = (WIDTH - 2 * 60 - 40) / 2
    for number, (title, found, published) in enumerate(panels):
        left = 60 + number * (wide + 80)
        top, bottom = 44.0, HEIGHT - 78
        times = [t for line in found.values() for t, _ in line]
        values = [v for line in found.values() for _, v in line]
        across = axis_over(times, left, left + wide, log=True)
        upright = axis_over([*values, *([published] if published else [])], bottom, top)
        sheet.text(left, 22, title, size=14)
        for tick in upright.ticks():
            y = upright.place(tick)
            sheet.line([(left, y), (left + wide, y)], GRID)
            sheet.text(left - 8, y, short(tick), size=11, colour=FAINT, anchor="rm")
        for tick in across.ticks():
            sheet.text(
                across.place(tick), bottom + 14, short(tick), size=11, colour=FAINT, anchor="mm"
            )
        sheet.text(
            left + wide, bottom + 30, "minutes of training", size=11, colour=FAINT, anchor="rm"
        )
        if published:
            y = upright.place(published)
            sheet.line([(left, y), (left + wide, y)], FAINT, 1.2)
            sheet.text(
                left + wide, y + 8, "published, other data", size=10, colour=FAINT, anchor="rm"
            )
        for position, (name, line) in enumerate(found.items()):
            colour = COLOURS[position % len(COLOURS)]
            points = [(across.place(t), upright.place(v)) for t, v in line]
            sheet.line(points, colour, 2.2)
            for x, y in points:
                sheet.dot(x, y, 3.6, colour)
            if number == 0:
                x = 60 + (position % IN_A_ROW) * (WIDTH - 80) / IN_A_ROW
                y = HEIGHT - 20 + (position // IN_A_ROW) * ROW
                sheet.dot(x, y, 4.6, colour)
                sheet.text(x + 12, y, name, size=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.picture().save(path, optimize=True)
