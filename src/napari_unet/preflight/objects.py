"""What is wrong with single objects: split, merged, specks, holes, a background with an id."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.images.axes import Index
from napari_unet.preflight.issue import MOST_PLACES, Fix, Fixed, Issue, Level, Place, from_slices
from napari_unet.preflight.pieces import (
    MERGED,
    SPECK,
    background_id,
    cut_at_necks,
    halves_of,
    holes_of,
    is_small,
    median_size,
    pieces_of,
    second_pieces,
    separated,
    without_holes,
    without_specks,
)

Array = npt.NDArray[Any]


def lint_objects(labels: Array, dims: int) -> list[Issue]:
    """Findings about ids, plane by plane; ``labels`` are whole numbers, leading + spatial."""
    found: dict[str, list[Place]] = {"split": [], "speck": [], "hole": [], "merged": []}
    background: list[tuple[Place, int]] = []
    sizes = median_size(labels, dims)
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        plane = labels[index]
        if not plane.any():
            continue
        whole = background_id(plane)
        if whole:
            background.append((Place(index, tuple((0, n) for n in plane.shape)), whole))
            continue
        pieces, areas, owners = pieces_of(plane)
        boxes = ndimage.find_objects(pieces)
        small = is_small(areas, sizes)
        found["speck"] += _places(boxes, np.flatnonzero(small), index)
        large = np.flatnonzero(~small & (owners > 0))
        found["split"] += _places(boxes, second_pieces(owners, areas, large), index)
        found["hole"] += _places(*holes_of(plane, sizes), index)
        found["merged"] += [
            from_slices(boxes[i - 1], index)
            for i in large
            if areas[i] > MERGED * sizes and halves_of(pieces[boxes[i - 1]] == i, sizes) is not None
        ]
    return [*_background_issue(background), *_issues(found, dims, sizes)]


def _issues(found: dict[str, list[Place]], dims: int, sizes: float) -> list[Issue]:
    texts: dict[str, tuple[Level, str, str, Fix]] = {
        "split": (
            "warning",
            "split-object",
            "{n} region{s} have the same id as another, apart from them: two objects with one id?",
            Fix(
                "Give them ids of their own", lambda a: Fixed(separated(a, dims, sizes), "objects")
            ),
        ),
        "merged": (
            "warning",
            "merged-objects",
            "{n} object{s} look like two with one id: much larger than the others, with a neck.",
            Fix("Cut at the neck", lambda a: Fixed(cut_at_necks(a, dims, sizes), "objects")),
        ),
        "speck": (
            "warning",
            "specks",
            "{n} tiny speck{s} of a few pixels: a slip of the brush?",
            Fix("Remove the specks", lambda a: Fixed(without_specks(a, dims, sizes), "objects")),
        ),
        "hole": (
            "note",
            "holes",
            "{n} tiny hole{s} inside objects.",
            Fix("Fill the holes", lambda a: Fixed(without_holes(a, dims, sizes), "objects")),
        ),
    }
    issues = []
    for name, (level, code, text, fix) in texts.items():
        if places := found[name]:
            said = text.format(n=len(places), s="" if len(places) == 1 else "s")
            if len(places) == 1:
                said = said.replace("region have", "region has").replace(
                    "object look", "object looks"
                )
                said = said.replace("apart from them", "apart from it")
            issues.append(Issue(level, code, said, tuple(places[:MOST_PLACES]), fix))
    return issues


def lint_specks_of_classes(labels: Array, dims: int, kind: LabelKind) -> list[Issue]:
    """Regions of a few pixels in complete class maps."""
    if kind != "classes":
        return []
    places: list[Place] = []
    for index in np.ndindex(*labels.shape[: labels.ndim - dims]):
        pieces, areas, _ = pieces_of(labels[index], background=UNLABELLED)
        places += _places(ndimage.find_objects(pieces), np.flatnonzero(is_small(areas, 0)), index)
    if not places:
        return []
    s = "" if len(places) == 1 else "s"
    text = f"{len(places)} tiny speck{s} of {SPECK} pixels or less: a slip of the brush?"
    fix = Fix("Remove the specks", lambda a: Fixed(without_specks(a, dims, 0, UNLABELLED), kind))
    return [Issue("note", "specks", text, tuple(places[:MOST_PLACES]), fix)]


def _background_issue(found: list[tuple[Place, int]]) -> list[Issue]:
    if not found:
        return []
    numbers = {place.index: number for place, number in found}
    text = (
        f"The id {found[0][1]} fills much of the plane and touches every side of it: it seems to "
        "be the background, which is 0."
    )

    def repair(labels: Array) -> Fixed:
        made = labels.copy()
        for index, number in numbers.items():
            made[index][made[index] == number] = 0
        return Fixed(made, "objects")

    places = tuple(place for place, _ in found[:MOST_PLACES])
    return [Issue("warning", "background-id", text, places, Fix("Make it background", repair))]


def _places(boxes: list[Any], numbers: Array, index: Index) -> list[Place]:
    return [from_slices(boxes[number - 1], index) for number in numbers]
