"""A report as text for the screen, and as rows for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from napari_unet.evaluation.object_errors import ObjectError

WIDTH = 100
"""Characters in a line; tables with more are continued below."""


class Mistake(NamedTuple):
    """A mistake, in which image and in which frame (positions along the axes t and z) of it."""

    image: str
    frame: tuple[int, ...]
    error: ObjectError


def format_table(report: dict[str, Any]) -> str:
    """The report as aligned text: a summary by metric, then every image.

    "-" where something is undefined.
    """
    rows = [
        [
            key,
            _number(report["mean"][key]),
            _span(report["interval"][key]),
            _number(report["pooled"][key]),
        ]
        for key in report["mean"]
    ]
    number = len(report["images"])
    head = [f"{number} image{'s' * (number != 1)}", "mean", "95 % interval", "pooled"]
    blocks = [_aligned([head, *rows]), *_by_image(report)]
    return "\n\n".join(blocks)


def to_csv(report: dict[str, Any]) -> str:
    """The report with a row for each image, then (mean), (95 % low), (95 % high) and (pooled).

    Undefined values are empty.
    """
    keys = list(report["mean"])
    limits = {key: span or (None, None) for key, span in report["interval"].items()}
    rows = [
        *((image["name"], image) for image in report["images"]),
        ("(mean)", report["mean"]),
        ("(95 % low)", {key: span[0] for key, span in limits.items()}),
        ("(95 % high)", {key: span[1] for key, span in limits.items()}),
        ("(pooled)", report["pooled"]),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *keys])
    for name, values in rows:
        writer.writerow([name, *("" if values[k] is None else repr(values[k]) for k in keys)])
    return text.getvalue()


def errors_to_csv(mistakes: Iterable[Mistake]) -> str:
    """A row for each mistake: what, where (pixels of the image, from 0), and the ids in it.

    The place is the object's centre; z is empty in planes. Several ids are parted by blanks.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "frame", "mistake", "z", "y", "x", "true_ids", "predicted_ids"])
    for image, frame, error in mistakes:
        place = [""] * (3 - len(error.centre)) + [f"{c:.1f}" for c in error.centre]
        ids = (" ".join(map(str, those)) for those in (error.truth, error.prediction))
        writer.writerow([image, " ".join(map(str, frame)), error.kind, *place, *ids])
    return text.getvalue()


def _by_image(report: dict[str, Any]) -> Iterator[str]:
    """One table, or several below each other where the columns are too many for a line."""
    images = report["images"]
    columns = [[key, *(_number(image[key]) for image in images)] for key in report["mean"]]
    names = ["image", *(image["name"] for image in images)]
    room = WIDTH - max(map(len, names))
    block: list[list[str]] = []
    used = 0
    for column in columns:
        width = 2 + max(map(len, column))
        if block and used + width > room:
            yield _aligned(list(zip(names, *block, strict=True)))
            block, used = [], 0
        block.append(column)
        used += width
    if block:
        yield _aligned(list(zip(names, *block, strict=True)))


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left, with a rule below the first row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _span(limits: Sequence[float] | None) -> str:
    return "-" if limits is None else f"{_number(limits[0])} .. {_number(limits[1])}"


def _number(value: float | None) -> str:
    """Four digits behind the point, or more where the first would be zeros."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.01 else f"{value:.6f}"
