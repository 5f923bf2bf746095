"""The pictures of a report. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from PIL import Image

from napari_unet.comparison.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    INK,
    ORANGE,
    PAPER,
    RED,
    Axis,
    Sheet,
    axis_over,
    short,
)
from napari_unet.comparison.summary import REFERENCE, Row, Summary
from napari_unet.comparison.words import p_value

WIDTH = 860.0
ROW = 30.0
HEAD, FOOT = 52.0, 48.0
COLOURS = {"better": GREEN, "worse": RED}


def draw(summary: Summary) -> dict[str, Image.Image]:
    """All pictures by file name; none where there is nothing to show."""
    pictures: dict[str, Image.Image] = {}
    shown = [row for row in summary.rows if not row.failed and not math.isnan(row.test.mean)]
    if not shown:
        return pictures
    pictures["values.png"] = values(shown, summary.metric, "test")
    if any(row.test.versus is not None for row in shown):
        pictures["differences.png"] = differences(shown, summary)
    if len(shown) > 1:
        pictures["costs.png"] = costs(shown, summary.metric)
    carried = [r for r in shown if r.transfer is not None and not math.isnan(r.transfer.mean)]
    if carried:
        pictures["transfer.png"] = values(carried, summary.metric, "transfer")
    return pictures


def values(rows: list[Row], metric: str, which: Literal["test", "transfer"]) -> Image.Image:
    """A line for each network: every image, the mean and its interval."""
    columns = {row.network: row.transfer if which == "transfer" else row.test for row in rows}
    found = {name: c for name, c in columns.items() if c is not None}
    sheet = Sheet(WIDTH, HEAD + ROW * len(found) + FOOT)
    left = _room(sheet, list(found))
    known = [v for c in found.values() for v in c.values.values() if v is not None]
    axis = axis_over(known, left, WIDTH - 76)
    title = "on images never trained on" if which == "test" else "zero-shot, on the other images"
    _frame(sheet, axis, len(found), f"{metric} by image, {title}", metric)
    sheet.text(WIDTH - 16, HEAD - 12, "mean", size=11, colour=FAINT, anchor="rm")
    if REFERENCE in found:
        x = axis.place(found[REFERENCE].mean)
        sheet.dashed(x, HEAD, HEAD + ROW * len(found), ORANGE)
    for number, (name, column) in enumerate(found.items()):
        y = HEAD + ROW * (number + 0.5)
        colour = ORANGE if name == REFERENCE else BLUE
        sheet.text(left - 12, y, name, colour=colour if name == REFERENCE else INK, anchor="rm")
        for position, value in enumerate(column.values.values()):
            if value is not None:
                # The same shift for an image in every line.
                sheet.dot(axis.place(value), y + (position * 7 % 11 - 5), 2.2, colour, 0.35)
        if not math.isnan(column.interval.low):
            ends = [(axis.place(v), y) for v in column.interval]
            sheet.line(ends, INK, 2.2)
        sheet.dot(axis.place(column.mean), y, 5, INK)
        sheet.dot(axis.place(column.mean), y, 3.6, colour)
        sheet.text(WIDTH - 16, y, f"{column.mean:.3f}", anchor="rm")
    return sheet.picture()


def differences(rows: list[Row], summary: Summary) -> Image.Image:
    """Mean difference to the reference with its interval, and p."""
    found = [(r.network, r.test.versus) for r in rows if r.test.versus is not None]
    sheet = Sheet(WIDTH, HEAD + ROW * len(found) + FOOT)
    left = _room(sheet, [name for name, _ in found])
    ends = [v for _, versus in found for v in (*versus.interval, versus.test.difference)]
    axis = axis_over([*ends, 0.0], left, WIDTH - 220, margin=0.1)
    _frame(
        sheet, axis, len(found), f"Mean difference in {summary.metric} to {REFERENCE}",
        f"{summary.metric}: network - {REFERENCE}"
        + ("" if summary.higher_is_better else " (lower is better)"),
    )  # fmt: skip
    sheet.text(WIDTH - 130, HEAD - 12, "p (Holm)", size=11, colour=FAINT, anchor="rm")
    sheet.dashed(axis.place(0), HEAD, HEAD + ROW * len(found), ORANGE)
    for number, (name, versus) in enumerate(found):
        y = HEAD + ROW * (number + 0.5)
        colour = COLOURS.get(versus.verdict, BLUE)
        sheet.text(left - 12, y, name, anchor="rm")
        if not math.isnan(versus.interval.low):
            sheet.line([(axis.place(v), y) for v in versus.interval], colour, 2.2)
        sheet.dot(axis.place(versus.test.difference), y, 4.6, colour)
        sheet.text(WIDTH - 130, y, p_value(versus.p), anchor="rm")
        word = versus.verdict if versus.verdict in COLOURS else "not significant"
        sheet.text(WIDTH - 16, y, word, colour=colour, size=11, anchor="rm")
    return sheet.picture()


def costs(rows: list[Row], metric: str) -> Image.Image:
    """Three panels: accuracy against parameters, multiply-adds and frames per second."""
    measures: list[tuple[str, Callable[[Row], float]]] = [
        ("parameters", lambda r: r.parameters),
        ("GMAC", lambda r: r.macs / 1e9),
        ("frames per second", lambda r: r.fps),
    ]
    legend_rows = -(-len(rows) // 4)
    top, high = HEAD, 230.0
    sheet = Sheet(WIDTH, top + high + FOOT + 14 + 18 * legend_rows + 12)
    upright = axis_over([r.test.mean for r in rows], top + high, top, margin=0.12)
    wide = (WIDTH - 60 - 20 - 2 * 24) / 3
    for number, (name, of) in enumerate(measures):
        left = 60 + number * (wide + 24)
        axis = axis_over([of(r) for r in rows], left, left + wide, log=True, margin=0.12)
        sheet.text(left, top - 14, f"{metric} against {name}", size=13)
        for value in upright.ticks():
            y = upright.place(value)
            sheet.line([(left, y), (left + wide, y)], GRID)
            if number == 0:
                sheet.text(left - 8, y, short(value), size=10, colour=FAINT, anchor="rm")
        for value in axis.ticks():
            x = axis.place(value)
            sheet.line([(x, top), (x, top + high)], GRID)
            sheet.text(x, top + high + 12, short(value), size=10, colour=FAINT, anchor="mm")
        sheet.text(left + wide / 2, top + high + 30, name, size=11, colour=FAINT, anchor="mm")
        places = [(axis.place(of(row)), upright.place(row.test.mean)) for row in rows]
        for (x, y), row in zip(places, rows, strict=True):
            sheet.dot(x, y, 8.2, PAPER)
            sheet.dot(x, y, 7.5, ORANGE if row.network == REFERENCE else BLUE, 0.85)
        for label, (x, y) in enumerate(places, 1):  # on top, so that none is hidden
            sheet.text(x, y, str(label), size=9, colour=PAPER, anchor="mm")
    column = (WIDTH - 80) / 4
    for label, row in enumerate(rows, 1):
        x = 60 + (label - 1) % 4 * column
        y = top + high + FOOT + 14 + (label - 1) // 4 * 18
        sheet.text(x, y, f"{label}  {row.network}", size=11)
    return sheet.picture()


def _frame(sheet: Sheet, axis: Axis, rows: int, title: str, label: str) -> None:
    """Title, grid and the ticks of a horizontal axis below ``rows`` lines."""
    bottom = HEAD + ROW * rows
    sheet.text(16, 18, title, size=15)
    for value in axis.ticks():
        x = axis.place(value)
        sheet.line([(x, HEAD), (x, bottom)], GRID)
        sheet.text(x, bottom + 12, short(value), size=10, colour=FAINT, anchor="mm")
    for number in range(rows + 1):
        y = HEAD + ROW * number
        sheet.line([(axis.start, y), (axis.stop, y)], GRID)
    sheet.text((axis.start + axis.stop) / 2, bottom + 32, label, size=11, colour=FAINT, anchor="mm")


def _room(sheet: Sheet, names: list[str]) -> float:
    """Where the axis begins, right of the names."""
    return 28 + max(sheet.text_width(name) for name in names)
