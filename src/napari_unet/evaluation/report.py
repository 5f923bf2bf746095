"""Scores of a set of images: by image, their mean with its interval, and pooled over all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED
from napari_unet.errors import UserError
from napari_unet.evaluation.measures import Confusion, Frame, Measure
from napari_unet.evaluation.metrics import BY_CLASS, METRICS, Kind, chosen_metrics
from napari_unet.evaluation.statistics import bootstrap_interval

Array = npt.NDArray[Any]
Scores = dict[str, float | None]
Measured = dict[Measure, Any]


class Case(NamedTuple):
    """One image to score.

    Attributes
    ----------
    name, prediction, truth
        Class maps or object ids, (\\*leading, \\*spatial) of one shape.
    probability
        (class, \\*leading, \\*spatial), where there is one.
    ignore
        True where pixels do not count, of the same shape.
    spacing
        Size of a pixel by spatial axis.
    dims
        Number of spatial axes, the last ones. Default: 3 of three or more axes, else 2. Each
        position along the others is scored by itself: ids say nothing across frames.
    """

    name: str
    prediction: Array
    truth: Array
    probability: Array | None = None
    ignore: npt.NDArray[np.bool_] | None = None
    spacing: tuple[float, ...] | None = None
    dims: int | None = None


def as_classes(array: Array) -> tuple[Array, str | None]:
    """A 0/255 mask reads as 0/1, with a note; anything else stays as it is."""
    if set(np.unique(array).tolist()) == {0, 255}:
        return (array != 0).astype(np.uint8), "A 0/255 mask was read as two classes, 0 and 1."
    return array, None


def evaluate(
    cases: Iterable[Case | tuple[str, Array, Array]],
    labels: Literal["classes", "objects", "scribbles"],
    metrics: Sequence[str] | Literal["all"] = "all",
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

    Returns
    -------
    dict
        ``{"images": [{"name", metric..}], "mean": {metric: value}, "pooled": {..}, "interval":
        {metric: [low, high]}}``. The interval is the 95 % bootstrap interval of the mean over
        images. What is undefined (a class absent from both, no objects at all, an interval of one
        image) is None and left out of the mean.

    Raises
    ------
    UserError
        Unknown metrics, sizes that differ, values that are no classes, probabilities that are
        missing, nothing to score.
    """
    kind: Kind = "objects" if labels == "objects" else "classes"
    wanted = chosen_metrics(metrics, kind)
    names: list[str] = []
    measured: list[Measured] = []
    probable = False
    for case in map(_case, cases):
        if case.probability is None and metrics != "all":
            _need_no_probability(case.name, wanted)
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
    images = [_scores(one, kind, wanted, classes) for one in measured]
    columns = {key: [image[key] for image in images] for key in images[0]}
    return {
        "images": [{"name": n, **s} for n, s in zip(names, images, strict=True)],
        "mean": {key: _mean(values) for key, values in columns.items()},
        "pooled": _scores(pooled, kind, wanted, classes),
        "interval": {key: _interval(values) for key, values in columns.items()},
    }


def _case(given: Case | tuple[str, Array, Array]) -> Case:
    case = Case(*given)
    if case.prediction.shape != case.truth.shape:
        raise UserError(
            f"{case.name}: the prediction has the size {_times(case.prediction.shape)}, the truth "
            f"{_times(case.truth.shape)}; they must be equal."
        )
    if case.ignore is not None and case.ignore.shape != case.truth.shape:
        raise UserError(
            f"{case.name}: what is to be ignored has the size {_times(case.ignore.shape)}, the "
            f"truth {_times(case.truth.shape)}; they must be equal."
        )
    if case.probability is not None and case.probability.shape[1:] != case.truth.shape:
        raise UserError(
            f"{case.name}: the probability of a class has the size "
            f"{_times(case.probability.shape[1:])}, the truth {_times(case.truth.shape)}; they "
            "must be equal."
        )
    return case


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
    for frame in _frames(case, kind):
        for measure in dict.fromkeys(of):
            sums = measure(frame)
            measured[measure] = measured[measure] + sums if measure in measured else sums
    return measured


def _frames(case: Case, kind: Kind) -> Iterator[Frame]:
    prediction, truth = case.prediction, case.truth
    ignore = np.zeros(truth.shape, bool) if case.ignore is None else case.ignore
    if kind == "classes":
        prediction, truth = as_classes(prediction)[0], as_classes(truth)[0]
        ignore = ignore | (truth == UNLABELLED)
        highest = max(truth[truth != UNLABELLED].max(initial=0), prediction.max(initial=0))
        if highest >= MAX_CLASSES:
            raise UserError(
                f"{case.name}: the value {highest} is no class. If the values are numbers of "
                "objects, choose the kind 'objects'."
            )
    truth = np.where(ignore, 0, truth)
    dims = case.dims or (3 if truth.ndim >= 3 else 2)
    for index in np.ndindex(truth.shape[: truth.ndim - dims]):
        yield Frame(
            prediction[index],
            truth[index],
            ignore[index],
            None if case.probability is None else case.probability[(slice(None), *index)],
            case.spacing,
        )


def _scores(measured: Measured, kind: Kind, wanted: Iterable[str], classes: int) -> Scores:
    scores: Scores = {}
    for name in wanted:
        if name in METRICS:
            metric = METRICS[name]
            scores[name] = _defined(metric.value(measured[metric.of[kind]]))
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


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
