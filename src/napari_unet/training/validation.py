"""Honest scores while training: what is held out, and how well it is predicted.

With six labelled planes or more, about one in eight is held out whole; in a stack the last ones (or
the first), behind a guard plane. With fewer, or where planes are so large that scoring one would
take long, each plane gives a block, about a thirtieth of it, behind a guard band. What is held out
stays so for ever, is never trained on and never augmented. Where labels are too few to spare any,
nothing is held out.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.evaluation.intervals import pieces
from napari_unet.evaluation.overlap import confusion, iou
from napari_unet.images.image import Box
from napari_unet.prediction.predictor import Predictor
from napari_unet.training.data import TrainingData
from napari_unet.training.plane import HeldOut, Key, TrainingPlane

GUARD = 16
"""Pixels around a held-out block whose labels are not trained on either; lengths of the shortest
voxel in volumes."""
SMALLEST_BLOCK = 200
"""Labelled pixels that a block must hold to be worth its noise."""

MOST_SCORED = 2**22
"""Pixels of whole planes that are scored at most: seconds on two cores."""

HoldOut = dict[Key, HeldOut | None]
"""By plane: what is held out, the whole plane or a part; None = all is trained on."""


def plan_hold_out(data: TrainingData, seed: int) -> HoldOut:
    """What to hold out of the planes that there are now."""
    planes = list(data.planes.values())
    if len(planes) >= 6 and max(_size(p) for p in planes) <= MOST_SCORED:
        return _whole_planes(planes, seed)
    return {p.key: block_of(p, seed) for p in planes}


def _whole_planes(planes: list[TrainingPlane], seed: int) -> HoldOut:
    count = min(round(len(planes) / 8), MOST_SCORED // max(_size(p) for p in planes))
    count = max(1, count)
    plan: HoldOut = {p.key: None for p in planes}
    if len({p.image.name for p in planes}) >= 6:
        chosen: list[TrainingPlane] = []
        for plane in sorted(planes, key=lambda p: _hash(p.key, seed)):
            if len(chosen) < count and _can_be_spared([*chosen, plane], planes):
                chosen.append(plane)
        return plan | {p.key: _whole(p, scored=True) for p in chosen}
    order = sorted(planes, key=lambda p: (p.image.name, p.index))
    for ends in (order[::-1], order):
        chosen, guard = ends[:count], ends[count : count + 1]
        if guard[0].image is not chosen[-1].image or len(planes) - count - 1 < 3:
            guard = []
        if _can_be_spared([*chosen, *guard], planes):
            plan |= {p.key: _whole(p, scored=True) for p in chosen}
            return plan | {p.key: _whole(p, scored=False) for p in guard}
    return plan


def _size(plane: TrainingPlane) -> int:
    return int(np.prod(plane.shape))


def _can_be_spared(some: list[TrainingPlane], planes: list[TrainingPlane]) -> bool:
    """Whether without ``some`` of the planes every class keeps half of its labels or more."""
    lost = np.sum([p.labelled for p in some], axis=0)
    total = np.sum([p.labelled for p in planes], axis=0)
    return bool((lost * 2 <= total).all())


def _whole(plane: TrainingPlane, *, scored: bool) -> HeldOut:
    return HeldOut(tuple((0, n) for n in plane.shape), scored)


def _hash(key: Key, seed: int) -> int:
    return zlib.crc32(repr((key, seed)).encode())


def block_of(plane: TrainingPlane, seed: int) -> HeldOut | None:
    """A block to hold out of one plane, or None.

    The plane is cut into about six cells a side; cells come in a random order that depends on
    nothing but the plane's name and the seed. The first is taken that holds two classes and costs
    no class more than a quarter of its labels.
    """
    sides = [int(np.clip(n // 6, 16, 256)) for n in plane.shape]
    counts = [max(1, n // s) for n, s in zip(plane.shape, sides, strict=True)]
    total = plane.labelled
    order = np.random.default_rng(_hash(plane.key, seed)).permutation(int(np.prod(counts)))
    for flat in order[:256]:
        cell = np.unravel_index(flat, counts)
        box = tuple((int(c) * s, (int(c) + 1) * s) for c, s in zip(cell, sides, strict=True))
        inside = np.bincount(_cut(plane, box).ravel(), minlength=256)[:UNLABELLED]
        lost = np.bincount(_cut(plane, plane.guarded(box, GUARD)).ravel(), minlength=256)[
            :UNLABELLED
        ]
        enough = inside.sum() >= SMALLEST_BLOCK and np.count_nonzero(inside) >= 2
        if enough and (lost * 4 <= total).all():
            return HeldOut(box)
    return None


def _cut(plane: TrainingPlane, box: Box) -> npt.NDArray[np.uint8]:
    """Labels of the plane inside ``box``; empty where it misses the window."""
    return plane.truth[
        tuple(
            slice(max(0, a - start), max(0, b - start))
            for (a, b), (start, _) in zip(box, plane.window, strict=True)
        )
    ]


def apply_hold_out(data: TrainingData, plan: HoldOut) -> None:
    """Take what is planned out of the training labels."""
    for key, held_out in plan.items():
        if key in data.planes:
            data.planes[key].hold_out(held_out, GUARD)


Tables = dict[Key, list[npt.NDArray[np.int64]]]
"""By plane: confusion matrices of the pieces of what is held out there."""


def held_out_tables(data: TrainingData, predictor: Predictor, classes: int) -> Tables:
    """How everything that is held out is predicted, piece by piece."""
    found: Tables = {}
    for plane in data.planes.values():
        if plane.held_out is None or not plane.held_out.scored:
            continue
        box = _scored_box(plane, plane.held_out)
        truth = _cut(plane, box)
        if any(a >= b for a, b in box) or (truth == UNLABELLED).all():
            continue
        probability = predictor.region(plane.read_inside, plane.shape, box)
        predicted = probability.argmax(0)
        found[plane.key] = []
        for piece in pieces(tuple((0, n) for n in truth.shape)):
            inside = tuple(slice(a, b) for a, b in piece)
            table = confusion(predicted[inside], truth[inside], classes, ignore=UNLABELLED)
            found[plane.key].append(table)
    return found


def pooled(tables: Tables, classes: int) -> tuple[tuple[float | None, ...], int]:
    """IoU by class over everything together (None = absent), and how many pixels it is."""
    table = np.zeros((classes, classes), np.int64)
    for of_plane in tables.values():
        table += np.sum(of_plane, 0)
    scores = iou(table) if table.sum() else np.full(classes, np.nan)
    return tuple(None if np.isnan(s) else float(s) for s in scores), int(table.sum())


def validate(
    data: TrainingData, predictor: Predictor, classes: int
) -> tuple[tuple[float | None, ...], int]:
    """IoU by class over everything that is held out (None = absent), and how many pixels it is."""
    return pooled(held_out_tables(data, predictor, classes), classes)


def work(data: TrainingData, halo: tuple[int, ...]) -> int:
    """Pixels, those of the halos too, that the network reads for one validation."""
    total = 0
    for plane in data.planes.values():
        if plane.held_out is not None and plane.held_out.scored:
            sides = (b - a for a, b in _scored_box(plane, plane.held_out))
            total += math.prod(max(0, n) and n + 2 * h for n, h in zip(sides, halo, strict=True))
    return total


def _scored_box(plane: TrainingPlane, held_out: HeldOut) -> Box:
    """Only the part that has labels needs to be predicted."""
    return tuple(
        (max(a, start), min(b, stop))
        for (a, b), (start, stop) in zip(held_out.box, plane.window, strict=True)
    )
