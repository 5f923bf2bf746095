"""Are these labels what their kind says? Repairs what is certain, explains the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED, LabelKind
from napari_unet.annotations.objects import components, renumber

Code = Literal[
    "size",
    "float-labels",
    "negative",
    "empty",
    "mask-0-255",
    "binary-objects",
    "too-many-classes",
    "missing-class",
    "no-background",
]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know about their labels.

    With level "error" the labels cannot be used; a "note" says what was assumed or repaired.
    """

    level: Literal["error", "note"]
    code: Code
    message: str


class _UnusableError(Exception):
    def __init__(self, code: Code, message: str) -> None:
        self.finding = Finding("error", code, message)


def check_labels(
    labels: npt.NDArray[Any],
    kind: LabelKind,
    spatial_shape: tuple[int, ...],
    classes: int | None = None,
    mask: bool = True,
) -> tuple[npt.NDArray[Any], list[Finding]]:
    """Labels as integers, repaired, and what was found; never raises for what the labels hold.

    ``labels`` must have the shape ``spatial_shape`` of the image, (y, x) or (z, y, x). ``classes``
    is the number of classes, background included, that are expected; None: up to the greatest
    there is. ``mask`` False: these are part of labels that hold other values than 0 and 255, so
    that 255 in classes means not labelled, whatever this part looks like. Returns uint8 for
    scribbles and classes, int32 for objects; the array that was given when there is an error,
    which then is the last finding.
    """
    notes: list[Finding] = []
    try:
        if labels.shape != tuple(spatial_shape):
            raise _UnusableError(
                "size",
                f"The labels have the size {_times(labels.shape)}, the image has "
                f"{_times(spatial_shape)}: they must be equal.",
            )
        whole = _whole_numbers(labels, notes)
        values = _values(whole)
        if len(values) == 0 or (len(values) == 1 and values[0] == 0):
            raise _UnusableError(
                "empty", "The labels are empty: every pixel is 0. Paint something."
            )
        if values[0] < 0:
            raise _UnusableError(
                "negative",
                f"The labels hold negative values ({values[0]}). Use 0 for what is not labelled, "
                f"or {UNLABELLED} in labels of the kind 'classes'.",
            )
        if kind == "objects":
            return _objects(whole, values, notes), notes
        return _classes(whole, values, kind, classes, notes, mask), notes
    except _UnusableError as unusable:
        return labels, [*notes, unusable.finding]


def n_classes(labels_list: Iterable[npt.NDArray[Any]], kind: LabelKind) -> int:
    """Number of classes in checked labels, background included; at least 2."""
    if kind == "objects":
        return 2
    unlabelled = UNLABELLED if kind == "classes" else 0
    greatest = (
        int(labels.max(initial=0, where=labels != unlabelled))
        for labels in map(np.asarray, labels_list)
    )
    return max(2, max(greatest, default=0) + (1 if kind == "classes" else 0))


def is_mask(values: npt.NDArray[Any]) -> bool:
    """True for the sorted different values of a mask that is 0 and 255, or all 255."""
    return bool(len(values)) and values[-1] == 255 and all(v in (0, 255) for v in values[:3])


def holds_other_values(labels: npt.NDArray[Any]) -> bool:
    """True where a value is neither 0 nor 255: the whole that these belong to is no such mask."""
    return bool(((labels != 0) & (labels != 255)).any())


def marks_unlabelled(labels: npt.NDArray[Any]) -> bool:
    """True where 255 stands beside classes: it means not labelled in all that belongs to these."""
    return holds_other_values(labels) and bool((labels == UNLABELLED).any())


def _times(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _values(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The different values, sorted; fast for small ones, which is what labels mostly hold."""
    if labels.size and labels.min() >= 0 and labels.max() < 65536:
        return np.flatnonzero(np.bincount(labels.ravel()))
    return np.unique(labels)


def _whole_numbers(labels: npt.NDArray[Any], notes: list[Finding]) -> npt.NDArray[Any]:
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.kind in "ui":
        return labels
    if labels.dtype.kind != "f":
        raise _UnusableError(
            "float-labels",
            f"The labels are of the type {labels.dtype}; they must be whole numbers.",
        )
    limit = 2.0**53  # beyond it a float does not tell neighbouring whole numbers apart
    if not (np.isfinite(labels).all() and (np.abs(labels) < limit).all()):
        raise _UnusableError(
            "float-labels",
            "The labels hold values that are no numbers, or infinite. Labels are whole numbers: "
            "choose a Labels layer or file.",
        )
    broken = labels != np.rint(labels)
    if broken.any():
        raise _UnusableError(
            "float-labels",
            f"The labels hold broken numbers such as {float(labels[broken][0]):.3g}: that looks "
            "like an image or a probability. Labels are whole numbers.",
        )
    notes.append(
        Finding("note", "float-labels", "The labels were stored as floats; all are whole numbers.")
    )
    return labels.astype(np.int64)


def _objects(
    labels: npt.NDArray[Any], values: npt.NDArray[Any], notes: list[Finding]
) -> npt.NDArray[np.int32]:
    ids = values[values != 0]
    if len(ids) > 1:
        too_large = int(ids[-1]) > np.iinfo(np.int32).max
        objects = renumber(labels) if too_large else labels.astype(np.int32)
    else:
        parts = components(labels)
        n = int(parts.max())
        objects = parts if n > 1 else labels.astype(np.int64).clip(0, 2**31 - 1).astype(np.int32)
        if is_mask(values):
            objects = parts
            found = "one object" if n == 1 else f"{n} objects, one for each connected region"
            text = f"The labels are a mask of 0 and 255; it was taken as {found}."
            notes.append(Finding("note", "mask-0-255", text))
        elif n > 1:
            text = (
                f"All objects have the same number {ids[0]}; each connected region was taken as an "
                f"object of its own: {n} objects. Where two touch, give them different numbers."
            )
            notes.append(Finding("note", "binary-objects", text))
    if values[0] != 0:
        text = "No pixel is background (0): the network cannot learn what lies between objects."
        notes.append(Finding("note", "no-background", text))
    return objects


def _classes(
    labels: npt.NDArray[Any],
    values: npt.NDArray[Any],
    kind: LabelKind,
    classes: int | None,
    notes: list[Finding],
    mask: bool,
) -> npt.NDArray[np.uint8]:
    first = 1 if kind == "scribbles" else 0  # the value of class 0
    if is_mask(values) and (mask or kind == "scribbles"):
        if kind == "scribbles":
            raise _UnusableError(
                "mask-0-255",
                "The labels are a mask of 0 and 255. In scribbles 0 means not labelled, 1 is the "
                "background (class 0), 2 is class 1, and 255 would be class 254. For a complete "
                "mask choose the kind 'classes'.",
            )
        text = "The labels are a mask of 0 and 255; 255 was taken as class 1."
        notes.append(Finding("note", "mask-0-255", text))
        labels = labels != 0
        values = np.minimum(values, 1)
    present = values[values != (0 if kind == "scribbles" else UNLABELLED)]
    if not len(present):  # a part of which nothing is labelled
        return labels.astype(np.uint8)
    last = classes if classes is not None else MAX_CLASSES
    if present[-1] - first >= last:
        raise _UnusableError("too-many-classes", _too_many(present, first, classes))
    expected = range(first, first + classes if classes is not None else int(present[-1]) + 1)
    missing = sorted(set(expected) - set(present.tolist()))
    if first in missing:
        text = (
            f"No pixel is labelled as background (value {first}): the network needs some to learn "
            "what is not the thing you look for."
        )
        notes.append(Finding("note", "no-background", text))
        missing.remove(first)
    for value in missing:
        text = f"Class {value - first} (value {value}) has no pixels."
        notes.append(Finding("note", "missing-class", text))
    return labels.astype(np.uint8)


def _too_many(present: npt.NDArray[Any], first: int, classes: int | None) -> str:
    top = int(present[-1])
    if classes is not None:
        return (
            f"The labels hold the value {top}, which is class {top - first}; "
            f"there are only the classes 0 to {classes - 1}."
        )
    if len(present) <= 8:
        held = ", ".join(map(str, present.tolist()))
        return (
            f"The labels hold the values {held}. Number the classes one after the other: "
            f"{first} for background, {first + 1}, {first + 2} and so on."
        )
    return (
        f"The labels hold {len(present)} different values up to {top}, more than there can be "
        f"classes ({MAX_CLASSES}). If they are numbers of objects, choose the kind 'objects'."
    )
