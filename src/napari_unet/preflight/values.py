"""Values that do not mean what their kind says: what annotations.checks finds, with its fix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED, LabelKind
from napari_unet.annotations.objects import components
from napari_unet.preflight.issue import Fix, Fixed, Issue, Level

Array = npt.NDArray[Any]
PEAK = 0.02
"""Part of the pixels that a value must hold to be a class rather than a trace of compression."""


def lint_values(
    labels: Array,
    kind: LabelKind,
    dims: int,
    elsewhere: Iterable[int] = (),
    mask: bool = True,
) -> list[Issue]:
    """Findings about the values of whole-number labels, leading + spatial.

    ``elsewhere``: values that other labels of the same training hold: a class that is missing
    here only is no gap, and numbers are changed in all of them alike. ``mask``: see
    :func:`~napari_unet.annotations.checks.check_labels`.
    """
    values = np.unique(labels)
    # Ids of objects mean nothing in other images.
    every = values if kind == "objects" else np.array(sorted({*values.tolist(), *elsewhere}))
    _, found = check_labels(labels, kind, labels.shape, mask=mask)
    missing = [f for f in found if f.code == "missing-class"]
    issues = [
        Issue(
            "error" if f.level == "error" else _LEVELS.get(f.code, "note"),
            f.code,
            f.message,
            fix=_fix(f.code, labels, every, kind, dims),
        )
        for f in found
        if f.code != "missing-class"
    ]
    if missing:
        issues += _gaps(every, kind)
    without_background = kind == "classes" and any(f.code == "no-background" for f in found)
    # An image that is one object all over holds no 0; that is no reason to count anew.
    if without_background and every[0] > 0:
        least = int(every[0])
        issues = [i for i in issues if i.code != "no-background"]
        fix = Fix("Count from 0", lambda a: Fixed(_counted_from_0(a, least), kind))
        text = (
            f"No pixel is 0, the background; the classes seem to be counted from {least}. "
            "Class 0 is always background."
        )
        issues = [i for i in issues if i.code != "class-gap"]
        issues.append(Issue("warning", "counted-from-1", text, fix=fix))
    return issues


_LEVELS: dict[str, Level] = {
    "mask-0-255": "warning",
    "binary-objects": "warning",
    "no-background": "warning",
}


def _fix(code: str, labels: Array, every: Array, kind: LabelKind, dims: int) -> Fix | None:
    if code == "mask-0-255":
        if kind == "objects":
            return Fix("Number the objects", lambda a: Fixed(numbered(a, dims), "objects"))
        return Fix("Make 255 class 1", lambda a: Fixed((a != 0).astype(np.uint8), "classes"))
    if code == "binary-objects":
        return Fix("Number the objects", lambda a: Fixed(numbered(a, dims), "objects"))
    if code == "too-many-classes":
        return _too_many(labels, every, kind)
    return None


def _too_many(labels: Array, every: Array, kind: LabelKind) -> Fix | None:
    values = np.unique(labels)
    counts = np.bincount(labels.ravel()) if labels.max() < 65536 else np.zeros(0)
    peaks = np.flatnonzero(counts >= PEAK * labels.size)
    if len(values) > 20 and 2 <= len(peaks) <= 10 and counts[peaks].sum() > 0.8 * labels.size:
        text = f"Snap to {', '.join(map(str, peaks))}"
        return Fix(text, lambda a: Fixed(_snapped(a, peaks), "classes"))
    if _one_piece_each(labels, values):
        return Fix("They are objects", lambda a: Fixed(a.copy(), "objects"))
    if len(every) <= MAX_CLASSES:
        return Fix("Renumber the classes", lambda a: Fixed(_renumbered(a, every, kind), kind))
    return Fix("They are objects", lambda a: Fixed(a.copy(), "objects"))


def _one_piece_each(labels: Array, values: Array) -> bool:
    ids = values[values != 0]
    pieces = int(label(labels, background=0, connectivity=1).max())
    return len(ids) >= 3 and pieces <= 1.3 * len(ids)


def _gaps(values: Array, kind: LabelKind) -> list[Issue]:
    unlabelled = 0 if kind == "scribbles" else UNLABELLED
    first = 1 if kind == "scribbles" else 0
    known = set(values.tolist()) | {first}
    top = max(v for v in known if v != unlabelled)
    missing = [v for v in range(first, top + 1) if v not in known]
    if not missing:
        return []
    shown = ", ".join(map(str, missing[:6])) + (", ..." if len(missing) > 6 else "")
    what = "value" if len(missing) == 1 else "values"
    text = f"The {what} {shown} have no pixels: classes are numbered one after the other."
    if len(missing) == 1:
        text = f"The value {shown} has no pixels: classes are numbered one after the other."
    every = np.array(sorted(known))
    fix = Fix("Close the gap", lambda a: Fixed(_renumbered(a, every, kind), kind))
    return [Issue("warning", "class-gap", text, fix=fix)]


def _renumbered(labels: Array, values: Array, kind: LabelKind) -> npt.NDArray[np.uint8]:
    """Values to 0 (1 for scribbles), 1, 2, ... in their order; what is not labelled stays."""
    unlabelled = 0 if kind == "scribbles" else UNLABELLED
    first = 1 if kind == "scribbles" else 0
    kept = np.array([v for v in values.tolist() if v != unlabelled])
    new = np.searchsorted(kept, labels) + first
    return np.asarray(np.where(labels == unlabelled, unlabelled, new), np.uint8)


def _counted_from_0(labels: Array, least: int) -> npt.NDArray[np.uint8]:
    marked = labels == UNLABELLED
    return np.asarray(np.where(marked, UNLABELLED, labels.astype(np.int64) - least), np.uint8)


def _snapped(labels: Array, peaks: Array) -> npt.NDArray[np.uint8]:
    """The number of the nearest of ``peaks``."""
    middles = (peaks[1:] + peaks[:-1]) / 2
    return np.asarray(np.searchsorted(middles, labels), np.uint8)


def numbered(mask: Array, dims: int) -> npt.NDArray[np.int32]:
    """Connected components of each plane, numbered on from plane to plane."""
    objects = np.zeros(mask.shape, np.int32)
    last = 0
    for index in np.ndindex(*mask.shape[: mask.ndim - dims]):
        found = components(mask[index])
        objects[index] = np.where(found > 0, found + last, 0)
        last += int(found.max(initial=0))
    return objects
