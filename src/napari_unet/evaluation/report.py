"""Scores of a set of images: by image, their mean, and pooled over all pixels and objects.

A new metric is one entry in ``PIXEL_METRICS`` or ``OBJECT_METRICS``: what it is computed from can
be added up over images, so that "pooled" always means the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED
from napari_unet.errors import UserError
from napari_unet.evaluation import overlap
from napari_unet.evaluation.matching import Matching, average_precision

Table = npt.NDArray[np.int64]
Scores = dict[str, float | None]

PIXEL_METRICS: dict[str, Callable[[Table], float]] = {
    "iou": lambda t: float(overlap.iou(overlap.foreground(t))[1]),
    "dice": lambda t: float(overlap.dice(overlap.foreground(t))[1]),
    "pixel_error": overlap.pixel_error,
}
"""From a confusion matrix. ``iou`` and ``dice`` are of the foreground, any class but 0."""

OBJECT_METRICS: dict[str, float] = {"ap50": 0.5}
"""IoU from which an object counts as found."""

BY_CLASS = "iou_<class>"


def as_classes(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], str | None]:
    """A 0/255 mask reads as 0/1, with a note; anything else stays as it is."""
    if set(np.unique(array).tolist()) == {0, 255}:
        return (array != 0).astype(np.uint8), "A 0/255 mask was read as two classes, 0 and 1."
    return array, None


def evaluate(
    pairs: Iterable[tuple[str, npt.NDArray[Any], npt.NDArray[Any]]],
    labels: Literal["classes", "objects", "scribbles"],
    metrics: Sequence[str] | Literal["all"] = "all",
) -> dict[str, Any]:
    """Score ``(name, prediction, truth)``, class maps or object ids of any equal shape.

    Pixels of class maps whose truth is 255 (not labelled) are left out. Returns
    ``{"images": [{"name", metric..}], "mean": {..}, "pooled": {..}}``; what is undefined (a class
    absent from both, no objects at all) is None and left out of the mean.

    Raises
    ------
    UserError
        Unknown metrics, sizes that differ, values that are no classes, nothing to score.
    """
    wanted = _chosen(metrics, labels)
    tables: list[Table] = []
    matchings: list[dict[str, Matching]] = []
    names = []
    for name, prediction, truth in pairs:
        if prediction.shape != truth.shape:
            raise UserError(
                f"{name}: the prediction has the size {_times(prediction.shape)}, the truth "
                f"{_times(truth.shape)}; they must be equal."
            )
        names.append(name)
        matched: dict[str, Matching] = {}
        if labels == "objects":
            tables.append(overlap.confusion(prediction != 0, truth != 0, 2))
            for metric, threshold in OBJECT_METRICS.items():
                if metric in wanted:
                    matched[metric] = average_precision(prediction, truth, threshold)
        else:
            prediction, truth = as_classes(prediction)[0], as_classes(truth)[0]
            known = truth[truth != UNLABELLED]
            classes = max(2, 1 + int(max(known.max(initial=0), prediction.max(initial=0))))
            if classes > MAX_CLASSES:
                raise UserError(
                    f"{name}: the value {classes - 1} is no class. If the values are numbers of "
                    "objects, choose the kind 'objects'."
                )
            tables.append(overlap.confusion(prediction, truth, classes, ignore=UNLABELLED))
        matchings.append(matched)
    if not names:
        raise UserError("There is nothing to score: no prediction belongs to any truth.")
    classes = max(len(t) for t in tables)
    tables = [np.pad(t, (0, classes - len(t))) for t in tables]
    images = [_scores(t, m, wanted) for t, m in zip(tables, matchings, strict=True)]
    summed = {k: sum((m[k] for m in matchings), Matching(0, 0, 0)) for k in matchings[0]}
    return {
        "images": [{"name": n, **s} for n, s in zip(names, images, strict=True)],
        "mean": {key: _mean([s[key] for s in images]) for key in images[0]},
        "pooled": _scores(sum(tables, np.zeros_like(tables[0])), summed, wanted),
    }


def format_table(report: dict[str, Any]) -> str:
    """The report as aligned text, one row an image; "-" where something is undefined."""
    keys = list(report["mean"])
    rows = [[image["name"], *(_number(image[k]) for k in keys)] for image in report["images"]]
    for name in ("mean", "pooled"):
        rows.append([name, *(_number(report[name][k]) for k in keys)])
    widths = [max(len(row[i]) for row in [["image", *keys], *rows]) for i in range(len(keys) + 1)]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = (c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([first, *rest])

    rule = "-" * (sum(widths) + 2 * len(keys))
    table = [line(["image", *keys]), rule, *map(line, rows[:-2]), rule, *map(line, rows[-2:])]
    return "\n".join(table)


def _chosen(metrics: Sequence[str] | Literal["all"], labels: str) -> set[str]:
    known = [*PIXEL_METRICS, *([*OBJECT_METRICS] if labels == "objects" else [BY_CLASS])]
    if metrics == "all":
        return set(known)
    wanted = set()
    for name in metrics:
        by_class = name.startswith("iou_") and labels != "objects"
        if name not in known and not by_class:
            raise UserError(f"There is no metric {name!r}; choose from all, {', '.join(known)}.")
        wanted.add(name)
    return wanted


def _scores(table: Table, matched: dict[str, Matching], wanted: set[str]) -> Scores:
    scores: Scores = {}
    for name, metric in PIXEL_METRICS.items():
        if name in wanted:
            scores[name] = _defined(metric(table))
    if not matched:
        for number, value in enumerate(overlap.iou(table)):
            if BY_CLASS in wanted or f"iou_{number}" in wanted:
                scores[f"iou_{number}"] = _defined(float(value))
    for name, matching in matched.items():
        scores[name] = _defined(matching.ap)
    return scores


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
