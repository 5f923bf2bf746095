"""One image to score, checked and taken apart into frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED
from napari_unet.errors import UserError
from napari_unet.evaluation.measures import Frame
from napari_unet.evaluation.metrics import Kind

Array = npt.NDArray[Any]


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


def checked(given: Case | tuple[str, Array, Array]) -> Case:
    """The case, all of whose arrays have one size; else UserError."""
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


def frames(case: Case, kind: Kind) -> Iterator[Frame]:
    """Planes or volumes; pixels that are not labelled are ignored. UserError: no classes."""
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


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
