"""Labels that are no labels yet: another size, colours, broken numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.transform import resize

from napari_unet.annotations.kinds import MAX_CLASSES, UNLABELLED, LabelKind
from napari_unet.preflight.issue import Fix, Fixed, Issue

Array = npt.NDArray[Any]


def lint_form(labels: Array, kind: LabelKind, shape: tuple[int, ...]) -> list[Issue]:
    """At most one error: ``labels`` must be whole numbers >= 0 of the ``shape`` of the image.

    What is found here hides everything else, so nothing else is looked for.
    """
    shape = tuple(shape)
    if labels.ndim == len(shape) + 1 and labels.shape[-1] in (3, 4) and labels.dtype.kind == "u":
        return [_colours(labels, shape)]
    if labels.shape != shape:
        return [_size(labels, kind, shape)]
    if labels.dtype.kind == "f":
        return _floats(labels, kind)
    if labels.dtype.kind in "iu" and labels.size and labels.min() < 0:
        least = labels.min()
        nothing = UNLABELLED if kind == "classes" else 0
        fix = Fix(
            "Make them not labelled" if kind != "objects" else "Make them background",
            lambda a: Fixed(np.where(a < 0, nothing, a), kind),
        )
        text = f"The labels hold negative values, down to {least}: there are no such labels."
        return [Issue("error", "negative", text, fix=fix)]
    return []


def _size(labels: Array, kind: LabelKind, shape: tuple[int, ...]) -> Issue:
    text = (
        f"The labels have the size {_times(labels.shape)}, the image has {_times(shape)}: they "
        "must be equal."
    )
    if 0 in labels.shape:
        return Issue("error", "size", text)
    if labels.ndim != len(shape):
        squeezed = labels.squeeze()
        if squeezed.shape == shape:
            fix = Fix("Drop the empty axes", lambda a: Fixed(a.squeeze(), kind))
            return Issue("error", "size", text, fix=fix)
        return Issue("error", "size", text)
    swapped = (*labels.shape[:-2], labels.shape[-1], labels.shape[-2])
    if swapped == shape:
        fix = Fix("Swap y and x", lambda a: Fixed(np.swapaxes(a, -1, -2).copy(), kind))
        return Issue("error", "size", text + " They look transposed.", fix=fix)
    factors = [a / b for a, b in zip(labels.shape, shape, strict=True)]
    leading_fits = all(f == 1 for f in factors[:-2])
    scaled = leading_fits and math.isclose(factors[-1], factors[-2], rel_tol=0.03)
    if scaled:
        fix = Fix("Rescale to the image", lambda a: Fixed(rescaled(a, shape), kind))
        return Issue("error", "size", text + " They look rescaled.", fix=fix)
    lost = labels.copy()
    lost[tuple(slice(n) for n in shape)] = 0
    outside = int(np.count_nonzero(lost))
    said = f" {outside} labelled pixels lie outside the image." if outside else ""
    fix = Fix("Cut to the image", lambda a: Fixed(cut(a, shape), kind))
    return Issue("error", "outside" if outside else "size", text + said, fix=fix)


def rescaled(labels: Array, shape: tuple[int, ...]) -> Array:
    """Labels of another sampling, by the nearest neighbour: no value is made up."""
    kept = labels.astype(np.float64)
    done = resize(kept, shape, order=0, preserve_range=True, anti_aliasing=False, mode="edge")
    return np.asarray(done).astype(labels.dtype)


def cut(labels: Array, shape: tuple[int, ...]) -> Array:
    """What lies inside ``shape`` from the first corner on; what is missing is 0."""
    made = np.zeros(shape, labels.dtype)
    common = tuple(slice(min(a, b)) for a, b in zip(labels.shape, shape, strict=True))
    made[common] = labels[common]
    return made


def _colours(labels: Array, shape: tuple[int, ...]) -> Issue:
    text = "The labels are a picture in colour; labels are one whole number for each pixel."
    if labels.shape[:-1] != shape:
        return Issue("error", "colours", text)
    number = len(np.unique(_packed(labels)))
    if number > MAX_CLASSES:
        return Issue("error", "colours", f"{text} This one has {number} colours: is it an image?")
    fix = Fix("Make each colour a class", lambda a: Fixed(from_colours(a), "classes"))
    return Issue("error", "colours", f"{text} It has {number} colours.", fix=fix)


def _packed(colours: Array) -> npt.NDArray[np.int64]:
    rgb = colours[..., :3].astype(np.int64)
    return np.asarray((rgb[..., 0] << 32) | (rgb[..., 1] << 16) | rgb[..., 2])


def colours_of(pictures: Iterable[Array]) -> list[int]:
    """The colours of all pictures in the order of their classes.

    Class 0 = black, or the most frequent colour where there is none; the others as they come.
    """
    found: Counter[int] = Counter()
    for picture in pictures:
        values, counts = np.unique(_packed(picture), return_counts=True)
        found.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    ordered = sorted(found)
    first = 0 if 0 in found else max(ordered, key=lambda colour: found[colour])
    return [first, *(colour for colour in ordered if colour != first)]


def from_colours(colours: Array, known: Sequence[int] | None = None) -> npt.NDArray[np.uint8]:
    """The place of each colour in ``known``, by default those of this picture."""
    order = np.array(colours_of([colours]) if known is None else known, np.int64)
    places = np.argsort(order)
    found = places[np.searchsorted(order[places], _packed(colours))]
    return np.asarray(found, np.uint8)


def _floats(labels: Array, kind: LabelKind) -> list[Issue]:
    finite = np.isfinite(labels)
    numbers = labels[finite]
    if not numbers.size:
        return [Issue("error", "not-a-number", "The labels hold no numbers at all.")]
    whole = bool((numbers == np.rint(numbers)).all())
    if whole and not finite.all():
        missing = int((~finite).sum())
        fix = Fix(
            "Make them 0", lambda a: Fixed(_integers(np.nan_to_num(a, posinf=0, neginf=0)), kind)
        )
        text = f"{missing} pixels of the labels are no numbers (NaN) or infinite."
        return [Issue("error", "not-a-number", text, fix=fix)]
    if whole:
        fix = Fix("Make them whole numbers", lambda a: Fixed(_integers(a), kind))
        text = "The labels are stored as floats (an Image layer?); all are whole numbers."
        return [Issue("warning", "float-labels", text, fix=fix)]
    low, high = float(numbers.min()), float(numbers.max())
    if low >= 0 and high <= 1:
        fix = Fix(
            "Cut at 0.5",
            lambda a: Fixed((np.nan_to_num(a) > 0.5).astype(np.uint8), "classes"),
        )
        text = "The labels are broken numbers between 0 and 1: a probability, not labels."
        return [Issue("error", "float-labels", text, fix=fix)]
    rounded = np.rint(numbers)
    if len(np.unique(rounded)) <= MAX_CLASSES and low >= 0:
        fix = Fix("Round them", lambda a: Fixed(_integers(np.rint(np.nan_to_num(a))), kind))
        text = "The labels hold broken numbers, as if they had been interpolated."
        return [Issue("error", "float-labels", text, fix=fix)]
    text = f"The labels hold broken numbers from {low:.3g} to {high:.3g}: they are an image."
    return [Issue("error", "float-labels", text)]


def _integers(values: Array) -> Array:
    whole = values.astype(np.int64)
    fits = whole.size == 0 or (whole.min() >= 0 and whole.max() <= 255)
    return whole.astype(np.uint8) if fits else whole


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
