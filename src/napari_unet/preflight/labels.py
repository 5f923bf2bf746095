"""Everything that is looked for in the labels of one image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.preflight.form import lint_form
from napari_unet.preflight.issue import Fix, Fixed, Issue, Place, bounding_place
from napari_unet.preflight.objects import lint_objects, lint_specks_of_classes
from napari_unet.preflight.values import lint_values

FEW = 50
"""Pixels of a class below which it can hardly be learnt."""


def lint_labels(
    labels: npt.NDArray[Any],
    kind: LabelKind,
    shape: tuple[int, ...],
    *,
    dims: int = 2,
    complete: bool = False,
    elsewhere: Iterable[int] = (),
    mask: bool = True,
) -> list[Issue]:
    """What is wrong with the labels of one image, the worst first; never raises for what they hold.

    Parameters
    ----------
    labels
        As they are, of any dtype and shape.
    shape
        Leading and spatial shape of the image: (y, x), (t, y, x), (z, y, x) ...
    dims
        How many of the last axes are spatial. Objects are looked at plane by plane of these.
    complete
        Whether 0 is background everywhere, as in label files; in the dock it is "not labelled".
    elsewhere, mask
        Values in the labels of the other images, and whether 0 and 255 alone are a mask there, see
        :func:`lint_values`.
    """
    issues = lint_form(labels, kind, shape)
    if issues:
        return issues
    issues = lint_values(labels, kind, dims, elsewhere, mask)
    if any(issue.level == "error" for issue in issues):
        return issues
    codes = {issue.code for issue in issues}
    if kind == "objects" and not codes & {"mask-0-255", "binary-objects"}:
        more = lint_objects(labels, dims)
        mistaken = _classes_as_objects(labels, more)
        more = mistaken or more
        if any(issue.code == "background-id" for issue in more):
            issues = [issue for issue in issues if issue.code != "no-background"]
        issues += more
    if kind == "classes" and "mask-0-255" not in codes:
        issues += lint_specks_of_classes(labels, dims, kind)
    if kind != "objects":
        issues += _few(labels, kind, dims)
    if complete and kind != "scribbles":
        issues += _empty_planes(labels, dims)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(issues, key=lambda issue: order[issue.level])


def _classes_as_objects(labels: npt.NDArray[Any], issues: list[Issue]) -> list[Issue]:
    """A few values in very many pieces are classes."""
    again = next((i for i in issues if i.code == "split-object"), None)
    ids = np.unique(labels)
    ids = ids[ids != 0]
    if again is None or len(ids) > 8 or len(again.places) < 4 * len(ids):
        return []
    fix = Fix("They are classes", lambda a: Fixed(a.astype(np.uint8), "classes"))
    text = (
        f"There are only {len(ids)} ids, in many separate regions each: they look like classes, "
        "not like objects."
    )
    if ids.max() >= UNLABELLED:
        return []
    return [Issue("warning", "classes-as-objects", text, again.places, fix)]


def _few(labels: npt.NDArray[Any], kind: LabelKind, dims: int) -> list[Issue]:
    first, unlabelled = (1, 0) if kind == "scribbles" else (0, UNLABELLED)
    counts = np.bincount(labels.ravel(), minlength=2) if labels.max() < 65536 else np.zeros(0)
    issues = []
    for value in np.flatnonzero((counts > 0) & (counts < FEW)):
        if value == unlabelled:
            continue
        text = f"Class {value - first} (value {value}) has only {counts[value]} pixels: paint more."
        leading = labels.shape[: labels.ndim - dims]
        where = (i for i in np.ndindex(*leading) if (labels[i] == value).any())
        places = tuple(bounding_place(labels[i] == value, i) for i in where)
        issues.append(Issue("note", "few-pixels", text, places[:10]))
    return issues


def _empty_planes(labels: npt.NDArray[Any], dims: int) -> list[Issue]:
    leading = labels.shape[: labels.ndim - dims]
    empty = [i for i in np.ndindex(*leading) if not labels[i].any()]
    if not leading or not empty or len(empty) == np.prod(leading):
        return []
    box = tuple((0, n) for n in labels.shape[labels.ndim - dims :])
    text = (
        f"{len(empty)} of {int(np.prod(leading))} planes hold no label: complete labels say that "
        "all of it is background."
    )

    return [Issue("note", "empty-planes", text, tuple(Place(i, box) for i in empty[:20]))]
