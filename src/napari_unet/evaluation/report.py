"""Scores of a set of predictions: by image, their mean, and pooled over all pixels or objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.errors import UserError
from napari_unet.evaluation import matching, overlap

Array = npt.NDArray[Any]
Scores = dict[str, float | None]


@dataclass(frozen=True)
class _Pixels:
    """Confusion table; images with fewer classes add up with those that have more."""

    table: overlap.Table

    def __add__(self, other: _Pixels) -> _Pixels:
        n = max(len(self.table), len(other.table))
        total = np.zeros((n, n), np.int64)
        for table in (self.table, other.table):
            total[: len(table), : len(table)] += table
        return _Pixels(total)


@dataclass(frozen=True)
class _Objects:
    """Matchings at each threshold of IoU, in percent."""

    matchings: Mapping[int, matching.Matching]

    def __add__(self, other: _Objects) -> _Objects:
        return _Objects({t: m + other.matchings[t] for t, m in self.matchings.items()})


THRESHOLDS = (50, 75)


def _pixels(prediction: Array, truth: Array, labels: LabelKind) -> _Pixels:
    if labels == "objects":
        return _Pixels(overlap.confusion(prediction > 0, truth > 0, 2))
    known = truth[truth != UNLABELLED]
    n = 1 + max(1, int(prediction.max(initial=0)), int(known.max(initial=0)))
    return _Pixels(overlap.confusion(prediction, truth, n, ignore=UNLABELLED))


def _objects(prediction: Array, truth: Array, labels: LabelKind) -> _Objects:
    overlaps = matching.match(prediction, truth)
    return _Objects({t: matching.count(overlaps, t / 100) for t in THRESHOLDS})


@dataclass(frozen=True)
class Metric:
    """What is counted in an image, and what is computed from the counts.

    ``measure(prediction, truth, labels)`` returns counts that can be added, which pools images;
    ``score(counts)`` returns values by key, nan where undefined. Metrics with the same ``measure``
    share its work.
    """

    measure: Callable[[Array, Array, LabelKind], Any]
    score: Callable[[Any], dict[str, float]]
    labels: tuple[LabelKind, ...] = ("classes", "objects")


def _ap(threshold: int) -> Metric:
    return Metric(
        _objects, lambda counts: {f"ap{threshold}": counts.matchings[threshold].ap}, ("objects",)
    )


#: Every metric by its name. ``iou`` and ``dice`` are of the foreground: all classes but 0 as one.
METRICS: dict[str, Metric] = {
    "iou": Metric(_pixels, lambda c: {"iou": overlap.iou(overlap.foreground(c.table))[1]}),
    "dice": Metric(_pixels, lambda c: {"dice": overlap.dice(overlap.foreground(c.table))[1]}),
    "iou_by_class": Metric(
        _pixels, lambda c: {f"iou_{k}": v for k, v in enumerate(overlap.iou(c.table))}
    ),
    "pixel_error": Metric(_pixels, lambda c: {"pixel_error": overlap.pixel_error(c.table)}),
    **{f"ap{threshold}": _ap(threshold) for threshold in THRESHOLDS},
}


def evaluate(
    pairs: Iterable[tuple[str, Array, Array]],
    labels: LabelKind,
    metrics: str | Sequence[str] = "all",
) -> dict[str, Any]:
    """Compare predictions with the truth; ``pairs`` yields (name, prediction, truth).

    ``labels`` "classes": class indices, 255 in the truth is left out; "objects": ids, and the
    metrics by pixel hold for ids > 0. ``metrics``: "all", or names of ``METRICS``; ``iou_1`` alone
    selects one class.

    Returns what ``napari-unet evaluate --json`` prints: ``{"images": [{"name", key: value}, ..],
    "mean": {..}, "pooled": {..}, "notes": [..]}``. The mean is over the images in which a value is
    defined; pooled values come from the summed counts; undefined values are None.

    Raises UserError for an unknown metric, sizes that differ, values that are no labels, no pairs.
    """
    if labels == "scribbles":
        raise UserError("Scribbles are no truth to compare with: choose 'classes' or 'objects'.")
    wanted = _choose(metrics, labels)
    used = {_family(name): METRICS[_family(name)] for name in wanted}
    names: list[str] = []
    rows: list[dict[str, float]] = []
    notes: list[str] = []
    pooled: dict[Any, Any] = {}
    for name, prediction, truth in pairs:
        prediction, truth = np.asarray(prediction), np.asarray(truth)
        if prediction.shape != truth.shape:
            raise UserError(
                f"{name}: the prediction has the size {_times(prediction.shape)}, the truth "
                f"{_times(truth.shape)}; they must be equal."
            )
        prediction = _read(prediction, labels, f"{name}, prediction", notes)
        truth = _read(truth, labels, f"{name}, truth", notes)
        if labels == "classes" and (prediction == UNLABELLED).any():
            raise UserError(f"{name}: the prediction holds {UNLABELLED}, which is no class.")
        measures = {metric.measure for metric in used.values()}
        counts = {measure: measure(prediction, truth, labels) for measure in measures}
        pooled = {m: pooled[m] + c if m in pooled else c for m, c in counts.items()}
        names.append(name)
        rows.append(_scores(used, counts))
    if not rows:
        raise UserError("There is nothing to compare: no prediction has a truth of its name.")
    total = _scores(used, pooled)
    keys = [key for key in total if key in wanted or _family(key) in wanted]
    return {
        "images": [
            {"name": n, **{k: _defined(row.get(k)) for k in keys}}
            for n, row in zip(names, rows, strict=True)
        ],
        "mean": {k: _mean([row.get(k) for row in rows]) for k in keys},
        "pooled": {k: _defined(total[k]) for k in keys},
        "notes": notes,
    }


def as_classes(array: Array) -> tuple[npt.NDArray[np.uint8], str | None]:
    """Class indices, and a note if they were a 0/255 mask or whole floats; UserError if neither."""
    return _checked(array, "classes")


def as_objects(array: Array) -> tuple[npt.NDArray[np.int32], str | None]:
    """Object ids, and a note if they were made from a binary mask; UserError if unusable."""
    return _checked(array, "objects")


def format_table(report: Mapping[str, Any]) -> str:
    """Aligned text: a line for each image, one for the mean, one for pooled; "-" = undefined."""
    keys = list(report["mean"])
    lines = [["image", *keys]]
    summary = [{"name": which, **report[which]} for which in ("mean", "pooled")]
    for row in [*report["images"], *summary]:
        lines.append([row["name"], *("-" if row[k] is None else f"{row[k]:.4f}" for k in keys)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for name, *cells in lines:
        right = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        text.append("  ".join([name.ljust(widths[0]), *right]).rstrip())
    rule = "-" * max(map(len, text))
    return "\n".join([text[0], rule, *text[1:-2], rule, *text[-2:]])


def _choose(metrics: str | Sequence[str], labels: LabelKind) -> list[str]:
    known = [name for name, metric in METRICS.items() if labels in metric.labels]
    asked = [metrics] if isinstance(metrics, str) else list(metrics)
    if "all" in asked:
        return known
    for name in asked:
        if _family(name) not in known:
            raise UserError(
                f"There is no metric '{name}' for labels of the kind '{labels}'. "
                f"Choose from: all, {', '.join(known)}."
            )
    return asked


def _family(name: str) -> str:
    return "iou_by_class" if re.fullmatch(r"iou_\d+", name) else name


def _scores(used: Mapping[str, Metric], counts: Mapping[Any, Any]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for metric in used.values():
        scores |= metric.score(counts[metric.measure])
    return scores


def _read(array: Array, labels: LabelKind, name: str, notes: list[str]) -> Array:
    try:
        read, note = _checked(array, labels)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    if note:
        notes.append(f"{name}: {note}")
    return read


def _checked(array: Array, labels: LabelKind) -> tuple[Array, str | None]:
    checked, findings = check_labels(array, labels, array.shape)
    notes = []
    for finding in findings:
        if finding.code == "empty":  # nothing there is a fair truth and a fair prediction
            checked = np.zeros(array.shape, np.int32 if labels == "objects" else np.uint8)
        elif finding.level == "error":
            raise UserError(finding.message)
        elif finding.code in ("mask-0-255", "binary-objects", "float-labels"):
            notes.append(finding.message)
    return checked, " ".join(notes) or None


def _times(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _defined(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [v for v in map(_defined, values) if v is not None]
    return float(np.mean(defined)) if defined else None
