"""Labels of several images mended side by side: a number must mean the same in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import marks_unlabelled
from napari_unet.annotations.kinds import MAX_CLASSES, LabelKind
from napari_unet.preflight.form import colours_of, from_colours, lint_form
from napari_unet.preflight.issue import Fixed, Issue
from napari_unet.preflight.labels import lint_labels

Array = npt.NDArray[Any]
ROUNDS = 12
"""Fixes, one after the other, after which :func:`fix_together` gives up."""


@dataclass(frozen=True)
class Together:
    """What the labels of all images hold, see :func:`~napari_unet.preflight.values.lint_values`."""

    values: frozenset[int]
    mask: bool

    @classmethod
    def of(cls, given: Iterable[tuple[Array, tuple[int, ...]]]) -> Together:
        """From labels with the shape of their image; colours and floats hold no classes yet."""
        whole = [a for a, shape in given if a.ndim == len(shape) and a.dtype.kind in "bui"]
        values = frozenset(int(v) for labels in whole for v in np.unique(labels))
        return cls(values, not any(map(marks_unlabelled, whole)))


@dataclass(eq=False)
class Mended:
    """Labels of an image whose shape is ``shape``, and what was ``done`` to them."""

    state: Fixed
    shape: tuple[int, ...]
    done: list[Issue] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether they are whole numbers of the shape of the image."""
        return not lint_form(self.state.labels, self.state.kind, self.shape)

    def next(self, dims: int, every: Together) -> Issue | None:
        """The first finding that can be mended and was not yet."""
        labels, kind = self.state.labels, self.state.kind
        # Cutting may follow rescaling; nothing else is done twice.
        tried = {issue.code for issue in self.done if issue.code != "size"}
        found = lint_labels(
            labels, kind, self.shape, dims=dims, elsewhere=every.values, mask=every.mask
        )
        return next((i for i in found if i.fix is not None and i.code not in tried), None)

    def take(self, issue: Issue, state: Fixed) -> None:
        """The labels after ``issue`` was mended."""
        self.state = state
        self.done.append(issue)


def fix_together(
    given: Sequence[tuple[Array, tuple[int, ...]]], kind: LabelKind, *, dims: int = 2
) -> list[Mended]:
    """All fixes of the labels of the images of one training, each with the shape of its image.

    Step by step in all of them: first those that have no right form yet get it, then what a number
    becomes follows from the numbers of all.
    """
    all_labels = [Mended(Fixed(labels, kind), shape) for labels, shape in given]
    for _ in range(ROUNDS):
        every = Together.of((one.state.labels, one.shape) for one in all_labels)
        steps = [(one, one.next(dims, every)) for one in all_labels]
        wanted = [(one, issue) for one, issue in steps if issue is not None]
        coloured = [one for one, issue in wanted if issue.code == "colours"]
        colours = colours_of(one.state.labels for one in coloured) if coloured else []
        if len(colours) > MAX_CLASSES or (coloured and every.values - {0}):
            # Too many, or nobody knows which class of the others a colour is.
            wanted = [(one, issue) for one, issue in wanted if issue.code != "colours"]
        formless = [(one, issue) for one, issue in wanted if not one.usable]
        if not wanted:
            break
        for one, issue in formless or wanted:
            if issue.code == "colours":
                labels = from_colours(one.state.labels, colours)
                one.take(issue, Fixed(labels, "classes"))
            elif issue.fix is not None:
                one.take(issue, issue.fix.apply(one.state.labels))
    return all_labels
