"""What shows only when all images and labels are seen together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.images.axes import Index
from napari_unet.preflight.directions import Offsets, lint_directions, offsets
from napari_unet.preflight.issue import Issue

WHOLE_PLANES = 6
"""Labelled planes from which whole ones are held out (training.validation)."""


@dataclass(frozen=True)
class Planes:
    """Which values each labelled plane of an image holds: (leading position, values)."""

    name: str
    values: tuple[tuple[Index, frozenset[int]], ...]
    digest: str = ""
    """Of the pixels of the image, to find the same image twice."""
    offsets: Offsets = field(default_factory=dict)
    """How its classes lie to each other."""

    @classmethod
    def of(cls, name: str, labels: npt.NDArray[Any], dims: int, image: Any = None) -> Planes:
        """From labels, leading + spatial, and perhaps the array of the image."""
        leading = labels.shape[: labels.ndim - dims]
        values = tuple((i, frozenset(np.unique(labels[i]).tolist())) for i in np.ndindex(*leading))
        digest = ""
        if image is not None:
            block = np.ascontiguousarray(image)
            digest = hashlib.sha256(block.tobytes() + repr(block.shape).encode()).hexdigest()
        return cls(name, values, digest, offsets(labels, [held for _, held in values], dims))


def lint_together(
    training: Sequence[Planes], kind: LabelKind, held_out: Sequence[Planes] = ()
) -> list[tuple[str, Issue]]:
    """(name of the image, issue): classes that cannot be scored, images that are there twice, and
    classes that may be told apart by their direction only."""
    issues = [*_twice([*training, *held_out])]
    if kind == "objects":
        return issues
    if kind == "classes":
        issues += lint_directions([(one.name, one.offsets) for one in training])
    first, unlabelled = (1, 0) if kind == "scribbles" else (0, UNLABELLED)
    planes = [
        (one, index, values - {unlabelled}) for one in training for index, values in one.values
    ]
    planes = [p for p in planes if p[2]]
    classes = sorted(set().union(*(p[2] for p in planes))) if planes else []
    if held_out:
        scored = _values(held_out) - {unlabelled}
        for value in (v for v in classes if v not in scored):
            text = (
                f"Class {value - first} (value {value}) is missing in validation: no score for it."
            )
            issues.append((held_out[0].name, Issue("warning", "not-in-validation", text)))
        for value in sorted(scored - set(classes)):
            text = f"Class {value - first} (value {value}) is in validation only: it is not learnt."
            issues.append((held_out[0].name, Issue("warning", "only-in-validation", text)))
    elif len(planes) >= WHOLE_PLANES:
        for value in classes:
            with_it = [p for p in planes if value in p[2]]
            if len(with_it) == 1:
                text = (
                    f"Class {value - first} (value {value}) is labelled in one plane only: it "
                    "cannot be both learnt and scored. Label it in another one."
                )
                issues.append((with_it[0][0].name, Issue("warning", "not-in-validation", text)))
    return issues


def _values(planes: Iterable[Planes]) -> set[int]:
    return {value for one in planes for _, values in one.values for value in values}


def _twice(planes: Sequence[Planes]) -> list[tuple[str, Issue]]:
    known: dict[str, str] = {}
    issues = []
    for one in planes:
        other = known.setdefault(one.digest, one.name) if one.digest else one.name
        if other != one.name:
            text = (
                f"It is the same image as {other}: scores that hold one of them out mean nothing."
            )
            issues.append((one.name, Issue("warning", "same-image", text)))
    return issues
