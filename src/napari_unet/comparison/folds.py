"""Which images a network is tested on, and which it learns from. Free of torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from napari_unet.errors import UserError


def by_image(names: Sequence[str], number: int) -> list[tuple[str, ...]]:
    """``number`` folds, each the names of the images that are tested; the others are trained on.

    Every image is in one fold. Folds are runs of names in natural order (2 before 10), not drawn
    at random: frames of one film or sections of one block, whose names follow each other, resemble
    each other so much that one of them among the training images gives its neighbour away.

    Raises
    ------
    UserError
        Fewer than two folds, or more than images.
    """
    if number < 2:
        raise UserError(f"{number} fold(s) leave nothing to train on: give 2 or more.")
    if number > len(names):
        raise UserError(
            f"There are {len(names)} image(s) for {number} folds: give --folds a number up to that "
            f"of the images, and at least two images (planes of a stack as files of their own)."
        )
    ordered = sorted(names, key=_natural)
    size, more = divmod(len(ordered), number)
    folds = []
    start = 0
    for fold in range(number):
        stop = start + size + (fold < more)
        folds.append(tuple(ordered[start:stop]))
        start = stop
    return folds


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
