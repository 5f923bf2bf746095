"""How good one prediction is: all figures, and every mistake with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED, LabelKind
from napari_unet.annotations.objects import components
from napari_unet.errors import UserError
from napari_unet.evaluation.cases import Case, as_classes
from napari_unet.evaluation.error_map import PlacedError, error_map
from napari_unet.evaluation.metrics import BY_CLASS, METRICS, Kind
from napari_unet.evaluation.report import evaluate
from napari_unet.measurements.sources import class_map, foreground

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Figure:
    """One metric; ``value`` None where it is undefined, ``better`` 'higher' or 'lower'."""

    name: str
    value: float | None
    about: str
    better: str


@dataclass(frozen=True, eq=False)
class Score:
    """What :func:`score` found; ``errors[i]`` are the pixels of value i + 1 in ``painted``."""

    kind: Kind
    figures: tuple[Figure, ...]
    errors: tuple[PlacedError, ...]
    painted: npt.NDArray[np.int32]


def guess_truth_kind(truth: Array) -> LabelKind:
    """``classes`` for a mask (0/255) and for few values from 0 up, else ``objects``."""
    values = np.unique(truth)
    known = values[values != UNLABELLED]
    if set(values.tolist()) <= {0, UNLABELLED} or known.max(initial=0) <= 2:
        return "classes"
    return "objects"


def score(
    prediction: Array,
    truth: Array,
    kind: LabelKind,
    *,
    dims: int,
    probability: bool = False,
    spacing: Sequence[float] | None = None,
) -> Score:
    """Score one prediction against the truth.

    Parameters
    ----------
    prediction, truth
        (\\*leading, \\*spatial) of one shape; the last ``dims`` axes are spatial. With
        ``probability`` the prediction is that of the foreground, or has a first axis of classes.
    kind
        What ``truth`` holds. ``objects``: the prediction holds ids too (of probabilities, the
        components above one half are taken). ``classes`` and ``scribbles``: class indices; pixels
        that the truth says nothing about are left out. Mistakes are then those of the connected
        components of the foreground.
    spacing
        Size of a pixel by spatial axis, for distances.

    Raises
    ------
    UserError
        Sizes that differ, or values that are no classes or probabilities.
    """
    likely: Array | None = None
    if probability:
        likely = foreground(prediction)
        prediction = (likely >= 0.5).astype(np.uint8)
    if prediction.shape != truth.shape:
        raise UserError(
            f"The prediction has the size {_times(prediction.shape)}, the truth "
            f"{_times(truth.shape)}: they must be equal."
        )
    case_kind: Kind = "objects" if kind == "objects" else "classes"
    ignore = np.zeros(truth.shape, bool)
    if kind == "objects":
        true_ids = truth
        found_ids = _components(prediction, dims) if probability else prediction
        case = Case("", found_ids, true_ids, None, None, _tuple(spacing), dims)
    else:
        true = class_map(truth, kind)
        if kind != "scribbles":  # of which 255 says that nothing is known
            true = as_classes(true)[0]
        found = as_classes(prediction)[0]
        ignore = true == UNLABELLED
        if ignore.all():
            raise UserError("The truth layer says nothing yet: paint or choose labels first.")
        known = np.where(ignore, 0, true)
        if max(int(known.max()), int(found.max())) >= MAX_CLASSES:
            raise UserError(
                f"A value of {max(int(known.max()), int(found.max()))} is no class: choose "
                "'objects' where the values are numbers of objects."
            )
        both = None if likely is None or known.max() > 1 else np.stack([1 - likely, likely])
        case = Case("", found, known, both, ignore, _tuple(spacing), dims)
        true_ids = _components(known, dims)
        found_ids = _components(np.where(ignore, 0, found), dims)
    report = evaluate([case], case_kind)
    painted, errors = error_map(found_ids, true_ids, ignore, dims=dims)
    return Score(case_kind, _figures(report["pooled"]), tuple(errors), painted)


def _figures(values: dict[str, float | None]) -> tuple[Figure, ...]:
    figures = []
    for name, value in values.items():
        metric, _, number = name.rpartition("_")
        if name in METRICS:
            known, about = METRICS[name], METRICS[name].about
        elif metric in BY_CLASS:
            known, about = METRICS[metric], f"{metric} of class {number}"
        else:
            continue
        figures.append(Figure(name, value, about, known.better))
    return tuple(figures)


def _components(classes: Array, dims: int) -> npt.NDArray[np.int32]:
    """Components of each frame, by class, so that two classes that touch stay two objects."""
    found = np.zeros(classes.shape, np.int32)
    for index in np.ndindex(classes.shape[: classes.ndim - dims]):
        frame = classes[index]
        last = 0
        for value in np.unique(frame[frame != 0]):
            one = components(frame == value)
            found[index] = np.where(one > 0, one + last, found[index])
            last += int(one.max())
    return found


def _tuple(spacing: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if spacing is None else tuple(float(s) for s in spacing)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
