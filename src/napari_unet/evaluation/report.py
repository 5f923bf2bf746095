"""Scores of a set of images: by image, their mean with its interval, and pooled over all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from napari_unet.errors import UserError
from napari_unet.evaluation.cases import Array, Case, checked, frames
from napari_unet.evaluation.held_out import (
    as_written,
    chosen_threshold,
    held_out_name,
    thresholds_of,
)
from napari_unet.evaluation.measures import Confusion, Measure
from napari_unet.evaluation.metrics import BY_CLASS, METRICS, Kind, chosen_metrics
from napari_unet.evaluation.statistics import bootstrap_interval

Scores = dict[str, float | None]
Measured = dict[Measure, Any]


def evaluate(
    cases: Iterable[Case | tuple[str, Array, Array]],
    labels: Literal["classes", "objects", "scribbles"],
    metrics: Sequence[str] | Literal["all"] = "all",
    held_out: Iterable[Case] | None = None,
) -> dict[str, Any]:
    """Score predictions against the truth.

    Parameters
    ----------
    cases
        What to score; ``(name, prediction, truth)`` will do.
    labels
        ``classes``: pixels whose truth is 255 (not labelled) are left out. ``objects``: ids.
    metrics
        Names of `METRICS`, or all of those that fit the labels except the test-optimal ones. Those
        made from probabilities are among all where any case has them.
    held_out
        Other images, with probabilities: beside each test-optimal error stands the same at the
        threshold that is best for these (``rand_error_held_out``), which a method could know.

    Returns
    -------
    dict
        ``{"images": [{"name", metric..}], "mean": {metric: value}, "pooled": {..}, "interval":
        {metric: [low, high]}}``. The interval is the 95 % bootstrap interval of the mean over
        images. What is undefined (a class absent from both, no objects at all, an interval of one
        image) is None and left out of the mean. With ``held_out`` also ``"thresholds": {metric:
        value}``.

    Raises
    ------
    UserError
        Unknown metrics, sizes that differ, values that are no classes, probabilities that are
        missing, nothing to score.
    """
    kind: Kind = "objects" if labels == "objects" else "classes"
    wanted = chosen_metrics(metrics, kind, unasked=held_out is not None)
    chosen = {} if held_out is None else _chosen(held_out, kind, thresholds_of(wanted))
    names: list[str] = []
    measured: list[Measured] = []
    probable = False
    for case in map(checked, cases):
        if case.probability is None:
            _need_no_probability(case.name, chosen if metrics == "all" else wanted)
        probable |= case.probability is not None
        names.append(case.name)
        measured.append(_measured(case, kind, wanted))
    if not names:
        raise UserError("There is nothing to score: no prediction belongs to any truth.")
    wanted = [n for n in wanted if probable or n not in METRICS or not METRICS[n].from_probability]
    pooled = measured[0]
    for more in measured[1:]:
        pooled = {measure: sums + more[measure] for measure, sums in pooled.items()}
    classes = max((len(s.table) for s in pooled.values() if isinstance(s, Confusion)), default=0)
    images = [_scores(one, kind, wanted, classes, chosen) for one in measured]
    columns = {key: [image[key] for image in images] for key in images[0]}
    report = {
        "images": [{"name": n, **s} for n, s in zip(names, images, strict=True)],
        "mean": {key: _mean(values) for key, values in columns.items()},
        "pooled": _scores(pooled, kind, wanted, classes, chosen),
        "interval": {key: _interval(values) for key, values in columns.items()},
    }
    return report | {"thresholds": as_written(chosen)} if chosen else report


def _chosen(held_out: Iterable[Case], kind: Kind, wanted: Sequence[str]) -> dict[str, int]:
    """Number of the threshold for each of the wanted metrics."""
    measured: list[Measured] = []
    for case in map(checked, held_out):
        if case.probability is None:
            _need_no_probability(case.name, wanted)
        measured.append(_measured(case, kind, wanted))
    if not measured:
        raise UserError("There are no held-out images to choose a threshold on.")
    of = {name: METRICS[name].of[kind] for name in wanted}
    return {
        name: chosen_threshold(name, sum((m[measure] for m in measured[1:]), measured[0][measure]))
        for name, measure in of.items()
    }


def _need_no_probability(name: str, wanted: Iterable[str]) -> None:
    for metric in wanted:
        if metric in METRICS and METRICS[metric].from_probability:
            raise UserError(
                f"{name}: {metric} needs probabilities; predict with --output probability too."
            )


def _measured(case: Case, kind: Kind, wanted: Iterable[str]) -> Measured:
    """Everything that the wanted metrics are made from, added up over frames."""
    of = [METRICS[n if n in METRICS else n.partition("_")[0]].of[kind] for n in wanted]
    measured: Measured = {}
    for frame in frames(case, kind):
        for measure in dict.fromkeys(of):
            sums = measure(frame)
            measured[measure] = measured[measure] + sums if measure in measured else sums
    return measured


def _scores(
    measured: Measured,
    kind: Kind,
    wanted: Iterable[str],
    classes: int,
    chosen: Mapping[str, int],
) -> Scores:
    scores: Scores = {}
    for name in wanted:
        if name in METRICS:
            metric = METRICS[name]
            sums = measured[metric.of[kind]]
            scores[name] = _defined(metric.value(sums))
            if name in chosen:
                scores[held_out_name(name)] = _defined(sums.at(chosen[name]))
            continue
        first, _, which = name.partition("_")
        confusion: Confusion = measured[METRICS[first].of[kind]]
        values = BY_CLASS[first](confusion.padded(classes))
        for number, value in enumerate(values):
            if which in ("<class>", str(number)):
                scores[f"{first}_{number}"] = _defined(float(value))
        if which.isdecimal():
            scores.setdefault(name, None)
    return scores


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _interval(values: list[float | None]) -> list[float] | None:
    low, high = bootstrap_interval([np.nan if v is None else v for v in values])
    return None if np.isnan(low) else [low, high]
