"""Pictures of errors and scores against training time, from the results."""

from __future__ import annotations

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
COLOURS = (ORANGE, BLUE, GREEN, RED, INK)
Lines = dict[str, list[tuple[float, float]]]


def draw_curves(results: Path, pictures: Path) -> None:
    """Write a picture for each file of results that is there."""
    if (path := results / "em_isbi.json").exists():
        records = read_json(path)

        def error(point: dict[str, Any], name: str) -> float:
            return float(point["views"][name]["test_optimal"]["error"])

        rand = lines(records, lambda p: error(p, "rand"))
        pixel = lines(records, lambda p: error(p, "pixel_f"))
        panels = [
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
        name = one["settings"].get("variant", "training")
        name = name if name not in found else f"{name} ({number})"
        found[name] = [(p["seconds"] / 60, value(p)) for p in one["points"]]
    return found


def draw(panels: list[tuple[str, Lines, float | None]], path: Path) -> None:
    """Two panels side by side; a faint line where the published figure of other data lies."""
    sheet = Sheet(WIDTH, HEIGHT)
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
                left + wide, y - 8, "published, other data", size=10, colour=FAINT, anchor="rm"
            )
        for position, (name, line) in enumerate(found.items()):
            colour = COLOURS[position % len(COLOURS)]
            points = [(across.place(t), upright.place(v)) for t, v in line]
            sheet.line(points, colour, 2.2)
            for x, y in points:
                sheet.dot(x, y, 3.6, colour)
            if number == 0:
                x = 60 + position * 150.0
                sheet.dot(x, HEIGHT - 20, 4.6, colour)
                sheet.text(x + 12, HEIGHT - 20, name, size=12)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.picture().save(path, optimize=True)
