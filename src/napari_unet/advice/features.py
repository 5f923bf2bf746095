"""What images and labels look like, in the numbers that choices are made by. Free of torch.

U-Bench (F. Tang et al., arXiv 2510.07041) describes data sets by the scale of the foreground, the
irregularity of shapes and the blur of boundaries; contrast and the gaps between objects are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import regionprops

from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.annotations.objects import components
from napari_unet.annotations.targets import make_target
from napari_unet.errors import UserError
from napari_unet.images.image import Index
from napari_unet.training.data import LabelledImage, are_masks

PLANES = 16
"""Planes that are looked at, at most, evenly spread."""
SIDE = 1024
"""Pixels along each axis that are looked at, at most, in the middle of a plane."""
OBJECTS = 300
"""Objects of a plane whose shape is measured, at most."""
BAND = 6
"""Pixels to both sides of a boundary over which blur and contrast are measured."""
NEIGHBOURS = 20.0
"""Objects with a smaller gap, in pixels, between them are neighbours."""
SPECK = 4
"""Pixels below which an object is taken for dirt."""


@dataclass(frozen=True)
class Features:
    """Lengths in pixels; None for what the labels do not show (strokes show no sizes).

    ``size``: median sides (y, x) of the images. ``foreground``: part of the labelled pixels that is
    of any class but 0. ``diameter``, ``large``: median and 90 % quantile of the diameter of the
    circle with an object's area. Labels of classes join what touches, so that a part's area says
    little: there it is the largest circle inside. ``thickness``: typical width of the foreground.
    ``irregularity``: median of 1 - area / area of the convex hull. ``blur``: pixels over which the
    mean grey value goes from 10 % to 90 % of its way across a boundary; imprecise outlines count
    too. ``contrast``: difference of the mean grey values on both sides, over their standard
    deviation. ``gap``: median gap between neighbouring objects; ``crowded``: part of the objects
    that have a neighbour within three pixels.
    """

    images: int
    planes: int
    size: tuple[int, int]
    channels: int
    kind: LabelKind
    classes: int
    labelled: float
    foreground: float
    objects: int
    diameter: float | None = None
    large: float | None = None
    thickness: float | None = None
    irregularity: float | None = None
    blur: float | None = None
    contrast: float | None = None
    gap: float | None = None
    crowded: float | None = None


def features_of(images: Sequence[LabelledImage]) -> Features:
    """Measure images (y, x) with their labels; of large ones the middle, of many ones some.

    Raises
    ------
    UserError
        Labels that cannot be used, or none at all.
    """
    found = _Collected()
    planes = [(one, index) for one in images for index in one.image.indices()]
    masks = are_masks(images)
    for number in np.unique(np.linspace(0, len(planes) - 1, PLANES).round().astype(int)):
        one, index = planes[number]
        _look(one, index, found, masks)
    if not found.labelled:
        raise UserError("Nothing is labelled yet, so there is nothing to advise on.")
    kind = images[0].kind
    sizes = np.array([one.image.spatial_shape for one in images])
    drawn = kind != "scribbles"
    return Features(
        images=len(images),
        planes=len(planes),
        size=(int(np.median(sizes[:, 0])), int(np.median(sizes[:, 1]))),
        channels=images[0].image.channels,
        kind=kind,
        classes=2 if kind == "objects" else max(2, found.highest + 1),
        labelled=found.labelled / found.pixels,
        foreground=found.foreground / found.labelled,
        objects=len(found.diameters),
        diameter=_quantile(found.diameters, 0.5) if drawn else None,
        large=_quantile(found.diameters, 0.9) if drawn else None,
        thickness=_quantile(found.thicknesses, 0.5) if drawn else None,
        irregularity=_quantile(found.irregularities, 0.5) if drawn else None,
        blur=_quantile(found.blurs, 0.5) if drawn else None,
        contrast=_quantile(found.contrasts, 0.5),
        gap=_quantile([g for g in found.gaps if g <= NEIGHBOURS], 0.5) if drawn else None,
        crowded=float(np.mean([g <= 3 for g in found.gaps])) if found.gaps and drawn else None,
    )


class _Collected:
    """What was seen so far, over all planes."""

    def __init__(self) -> None:
        self.pixels = self.labelled = self.foreground = 0
        self.highest = 1
        self.diameters: list[float] = []
        self.thicknesses: list[float] = []
        self.irregularities: list[float] = []
        self.blurs: list[float] = []
        self.contrasts: list[float] = []
        self.gaps: list[float] = []


def _look(one: LabelledImage, index: Index, found: _Collected, mask: bool) -> None:
    shape = one.image.spatial_shape
    box = tuple(((n - min(n, SIDE)) // 2, (n + min(n, SIDE)) // 2) for n in shape)
    labels = one.labels.read(index, box)[0]
    if labels.any():
        labels, findings = check_labels(labels, one.kind, labels.shape, mask=mask)
        for finding in findings:
            if finding.level == "error":
                raise UserError(f"{one.image.name}: {finding.message}")
    target = make_target(labels, one.kind, complete=one.complete, regions=one.annotated(index, box))
    known = target.classes != UNLABELLED
    inside = known & (target.classes != 0)
    found.pixels += known.size
    found.labelled += int(known.sum())
    found.foreground += int(inside.sum())
    if known.any():
        found.highest = max(found.highest, int(target.classes[known].max()))
    if not inside.any():
        return
    grey = one.image.read(index, box).astype(np.float64).mean(0)
    grey[~np.isfinite(grey)] = 0
    outside = known & ~inside
    if one.kind == "scribbles":
        found.contrasts += _contrast(grey[inside], grey[outside])
        return
    ids = components(inside) if target.objects is None else target.objects
    depth = ndimage.distance_transform_edt(inside)
    _measure_shapes(ids, found)
    found.diameters += (
        diameters(ids) if target.objects is not None else inscribed(ids, depth)
    ).tolist()
    # The mean distance to the edge is a quarter of the width of a strip.
    if not inside.all():  # else there is no edge to be away from
        found.thicknesses.append(4 * float(depth[inside].mean()) - 1)
    signed = np.where(inside, depth, -ndimage.distance_transform_edt(~inside))
    near = np.abs(signed) <= BAND
    found.contrasts += _contrast(grey[inside & near], grey[outside & near])
    found.blurs += edge_width(grey, signed, known)
    found.gaps += gaps(ids)


def diameters(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Of the circle with an object's area, in pixels, for each object that is no speck."""
    areas = np.bincount(ids.ravel())[1:]
    return np.asarray(2 * np.sqrt(areas[areas >= SPECK] / np.pi))


def inscribed(
    ids: npt.NDArray[np.int32], depth: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Diameter in pixels of the largest circle inside each part that is no speck.

    ``depth``: distance of each pixel to the edge of its part.
    """
    areas = np.bincount(ids.ravel())[1:]
    numbers = np.flatnonzero(areas >= SPECK) + 1
    # Distances are to the middle of the next pixel outside, half a pixel beyond the edge. Where
    # there is nothing outside, they mean nothing: no part is wider than the image.
    widths = 2 * np.asarray(ndimage.maximum(depth, ids, numbers), np.float64) - 1
    return np.asarray(np.minimum(widths, min(ids.shape)))


def _measure_shapes(ids: npt.NDArray[np.int32], found: _Collected) -> None:
    areas = np.bincount(ids.ravel())[1:]
    large = np.flatnonzero(areas >= SPECK) + 1
    some = set(large[np.linspace(0, len(large) - 1, OBJECTS).astype(int)]) if len(large) else set()
    kept = np.where(np.isin(ids, list(some)), ids, 0)
    for region in regionprops(kept):
        if region.area >= 4 * SPECK and min(region.image.shape) > 2:
            found.irregularities.append(1 - float(region.solidity))


def edge_width(
    grey: npt.NDArray[np.float64],
    signed: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
) -> list[float]:
    """Pixels over which the mean grey value goes from 10 % to 90 % across the boundary.

    ``signed`` is the distance to the boundary, positive inside, of the shape of ``grey``; only
    ``known`` pixels count. Empty where there is too little on one of the sides, or no step.
    """
    steps = [*range(-BAND, 0), *range(1, BAND + 1)]
    profile: list[tuple[float, float]] = []
    for step in steps:
        ring = known & (np.abs(signed - step) < 0.5)
        if ring.sum() >= 10:
            profile.append((step - 0.5 * np.sign(step), float(grey[ring].mean())))
    place = np.array([p for p, _ in profile])
    value = np.array([v for _, v in profile])
    if (place < 0).sum() < 2 or (place > 0).sum() < 2:
        return []
    low, high = value[:2].mean(), value[-2:].mean()
    spread = float(grey[known].std())
    if spread == 0 or abs(high - low) < 0.05 * spread:
        return []
    rise = np.clip((value - low) / (high - low), 0, 1)
    fine = np.linspace(place[0], place[-1], 1000)
    curve = np.interp(fine, place, rise)
    above = fine[curve >= 0.9]
    # Where it is bright already beyond the first ring, the rise began farther out than we look.
    below = fine[(curve <= 0.1) & (fine <= above[:1])] if len(above) else above
    return [float(above[0] - below[-1])] if len(below) else []


def gaps(ids: npt.NDArray[Any]) -> list[float]:
    """For each object with a neighbour, pixels of background between it and the nearest one.

    Along the line on which the nearest object changes, the distances to both add up to the gap.
    """
    if len(np.unique(ids[ids != 0])) < 2:
        return []
    distance, nearest = ndimage.distance_transform_edt(ids == 0, return_indices=True)
    owner = ids[tuple(nearest)]
    found: dict[int, float] = {}
    for axis in range(ids.ndim):
        here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(ids.ndim))
        there = tuple(slice(1, None) if a == axis else slice(None) for a in range(ids.ndim))
        apart = owner[here] != owner[there]
        between = distance[here][apart] + distance[there][apart]
        for side in (owner[here][apart], owner[there][apart]):
            smallest = np.full(int(owner.max()) + 1, np.inf)
            np.minimum.at(smallest, side, between)
            for number in np.flatnonzero(np.isfinite(smallest)):
                found[int(number)] = min(found.get(int(number), np.inf), float(smallest[number]))
    return list(found.values())


def _contrast(inside: npt.NDArray[np.float64], outside: npt.NDArray[np.float64]) -> list[float]:
    if not len(inside) or not len(outside):
        return []
    spread = np.sqrt((inside.var() + outside.var()) / 2)
    apart = abs(inside.mean() - outside.mean())
    return [float(apart / spread)] if spread > 0 else []


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None
