"""What is learnt from: labelled planes, kept small in memory and current while the user paints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.boundary_weights import boundary_weights, class_balance
from napari_unet.annotations.checks import check_labels, holds_other_values
from napari_unet.annotations.holes import learn_largest_hole
from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.annotations.splitting import learn_depth
from napari_unet.annotations.targets import make_target
from napari_unet.errors import UserError
from napari_unet.images.image import Box, Image, Index
from napari_unet.images.normalise import Normalisation
from napari_unet.training.plane import Key, TrainingPlane

ANOTHER_RANGE = (
    "its grey values are far from those that this training began with, so its labels are not used: "
    "begin anew (Reset, then Train) to learn from all images."
)


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image with its labels (an Image without c, same leading and spatial axes).

    ``complete``: 0 in ``labels`` is background everywhere; else only where ``regions`` is not 0.
    """

    image: Image
    labels: Image
    kind: LabelKind
    complete: bool = False
    regions: Image | None = None

    def annotated(self, index: Index, box: Box | None = None) -> npt.NDArray[np.bool_] | None:
        """Where a plane, or a box of it, is fully annotated; None without regions."""
        return None if self.regions is None else self.regions.read(index, box)[0] != 0


def of_objects(images: Sequence[LabelledImage]) -> bool:
    """Whether recipes are to be those for objects: ids are labelled, in planes."""
    return any(one.kind == "objects" and one.image.dims == 2 for one in images)


def are_masks(images: Sequence[LabelledImage]) -> bool:
    """Whether 255 in a plane of 0 and 255 is class 1.

    Not where it stands beside classes in any of the images: then it means not labelled in all.
    """
    for one in images:
        if one.kind != "classes":
            continue
        unlabelled = valued = False
        for index in one.image.indices():
            labels = one.labels.read(index)[0]
            unlabelled |= bool((labels == UNLABELLED).any())
            valued |= holds_other_values(labels)
        if unlabelled and valued:
            return False
    return True


class TrainingData:
    """All labelled planes of some images.

    ``notes`` collects what the user should know about the labels (a 0/255 mask, ...).

    Raises
    ------
    UserError
        Labels that cannot be used as what they are said to be.
    """

    def __init__(
        self,
        normalisation: Normalisation,
        w0: float = 10.0,
        sigma: float = 5.0,
        voxel: tuple[float, ...] = (),
    ) -> None:
        self.normalisation = normalisation
        self.w0, self.sigma, self.voxel = w0, sigma, voxel
        self.planes: dict[Key, TrainingPlane] = {}
        self.notes: list[str] = []
        self._images: dict[str, LabelledImage] = {}
        self._masks: set[Key] | None = set()
        """Planes whose 255 was taken as class 1. None once an image is known that holds 255 beside
        other values: then it means not labelled, in planes that look like a mask too."""
        self._valued: set[str] = set()
        self._with_255: set[str] = set()
        self.version = 0
        """Changes with all that is learned from: pixels, labels, constants."""

    def add(self, labelled: LabelledImage) -> None:
        """Add an image or replace it with its new labels."""
        self.remove(labelled.image.name)
        self._images[labelled.image.name] = labelled
        if labelled.kind == "classes":
            for index in labelled.image.indices():
                self._note_values(labelled.image.name, labelled.labels.read(index)[0])
        for index in labelled.image.indices():
            self.refresh(labelled.image.name, index)

    @property
    def complete(self) -> bool:
        """Whether 0 is background everywhere, in all images."""
        return all(one.complete for one in self._images.values())

    def remove(self, name: str) -> None:
        """Forget an image."""
        self.version += 1
        self._images.pop(name, None)
        self._valued.discard(name)
        self._with_255.discard(name)
        for key in [k for k in self.planes if k[0] == name]:
            del self.planes[key]

    def go_on_with(self, normalisation: Normalisation) -> None:
        """Take the constants of a saved training, whose weights know no others.

        Images that they do not suit are left out; where they suit none, the new ones stay.
        """
        doubtful = [n for n, one in self._images.items() if normalisation.doubts(one.image)]
        if len(doubtful) == len(self._images):
            self.notes.append(
                "The grey values of these images are far from those of the saved training: the "
                "network has to learn theirs anew."
            )
            return
        self.version += 1
        missing = self.normalisation.mark_missing
        self.normalisation = replace(normalisation, mark_missing=missing)
        for name in doubtful:
            self.remove(name)
            self.notes.append(f"{name}: {ANOTHER_RANGE}")
        for plane in self.planes.values():
            plane.normalisation = self.normalisation.for_image(plane.image, plane.index)

    def refresh(self, name: str, index: Index) -> TrainingPlane | None:
        """Read the labels of one plane anew; None when it has none (any more)."""
        self.version += 1
        labelled = self._images[name]
        image, kind = labelled.image, labelled.kind
        labels = labelled.labels.read(index)[0]
        regions = labelled.annotated(index)
        nothing = not labels.any() and (regions is None or not regions.any())
        if nothing and not labelled.complete:
            self.planes.pop((name, index), None)
            return None
        if labels.any():  # else it is complete, or a region of it is: all background
            if kind == "classes":
                self._note_values(name, labels)
            masks = self._masks is not None or kind != "classes"
            labels, findings = check_labels(labels, kind, image.spatial_shape, mask=masks)
            for finding in findings:
                if finding.level == "error":
                    raise UserError(f"{name}: {finding.message}")
                if kind == "classes" and finding.code == "mask-0-255" and self._masks is not None:
                    self._masks.add((name, index))
                note = f"{name}: {finding.message}"
                if finding.code != "missing-class" and note not in self.notes:
                    self.notes.append(note)
        target = make_target(labels, kind, complete=labelled.complete, regions=regions)
        if (target.classes == UNLABELLED).all():
            self.planes.pop((name, index), None)
            return None
        window = _bounding_box(target.classes != UNLABELLED)
        inside = tuple(slice(a, b) for a, b in window)
        boundary, sizes = None, np.zeros(0, np.int64)
        if target.objects is not None:
            sizes = np.bincount(target.objects.ravel())[1:]
            if self.w0 > 0:
                weights = boundary_weights(target.objects, self.w0, self.sigma, self.voxel)
                boundary = weights[inside].astype(np.float16)
        old = self.planes.get((name, index))
        plane = TrainingPlane(
            image,
            index,
            old.normalisation if old else self.normalisation.for_image(image, index),
            window,
            np.ascontiguousarray(target.classes[inside]),
            boundary,
            sizes[sizes > 0],
            old.pixels if old else None,
            old.held_out if old else None,
            self.voxel,
        )
        self.planes[plane.key] = plane
        return plane

    def _note_values(self, name: str, labels: npt.NDArray[Any]) -> None:
        """What part of the labels of an image says about 255; where it was class 1 by mistake, the
        planes are read again.
        """
        if self._masks is None:
            return
        if holds_other_values(labels):
            self._valued.add(name)
        if (labels == UNLABELLED).any():
            self._with_255.add(name)
        if not self._valued & self._with_255:
            return
        taken, self._masks = self._masks, None
        known = [self.planes[key] for key in sorted(taken) if key in self.planes]
        for old in known:
            plane = self.refresh(*old.key)
            if plane is not None:
                plane.hold_out(old.held_out, old.guard)
        if known:
            self.notes.append(
                "Some labels hold 255 beside their classes, so 255 counts as not labelled in all "
                "of them: number the classes of all images alike."
            )

    def knows(self, name: str) -> bool:
        """Whether there is an image of this name."""
        return name in self._images

    def image(self, name: str) -> Image:
        """An image by its name."""
        return self._images[name].image

    def reader(self, name: str, index: Index) -> Callable[[Box], npt.NDArray[np.float32]]:
        """Reads normalised pixels (C, *box) of any plane of an image, labelled or not."""
        image = self.image(name)
        normalisation = self.normalisation.for_image(image, index)
        return lambda box: normalisation.apply(image.read(index, box))

    def classes(self) -> int:
        """1 + the greatest class index that is labelled anywhere, at least 2."""
        return max(1, int(self._labelled()[-1:].max(initial=0))) + 1

    def check(self) -> None:
        """Whether there is something to tell apart.

        Raises
        ------
        UserError
            Nothing is labelled, or only one class is.
        """
        if not self.planes:
            raise UserError("Nothing is labelled yet: paint some of each class, then train.")
        present = self._labelled()
        if len(present) < 2:
            only = "background" if present[0] == 0 else f"class {present[0]}"
            advice = (
                "paint some of another class too"
                if present[0] == 0
                else "paint some background too, or mark a region as fully annotated"
            )
            raise UserError(f"Only {only} is labelled: {advice}.")

    def balance(self, classes: int, strength: float) -> npt.NDArray[np.float32]:
        """Weight of each class, 256 entries by value of the class map; UNLABELLED weighs 0.

        See ``class_balance``; counted over all that is trained on.
        """
        counts = np.zeros(classes)
        for plane in self.planes.values():
            counts += plane.trained[:classes]
        weights = np.zeros(256, np.float32)
        weights[:classes] = class_balance(counts, strength)
        return weights

    def _labelled(self) -> npt.NDArray[np.intp]:
        """Classes that are labelled anywhere, in order."""
        total = sum((p.labelled for p in self.planes.values()), np.zeros(UNLABELLED, np.int64))
        return np.flatnonzero(total)

    def split_depth(self) -> float:
        """How touching objects can be cut without cutting those that are labelled; 0 = not."""
        looked_at = [p.oversplit for p in self.planes.values() if len(p.object_sizes)]
        if not looked_at:
            return 0.0
        cut = np.sum([c for c, _ in looked_at], axis=0)
        return learn_depth(cut, sum(n for _, n in looked_at))

    def largest_hole(self) -> int:
        """Up to which size holes can be filled without those of the labelled objects."""
        looked_at = [p.holes for p in self.planes.values() if len(p.object_sizes)]
        if not looked_at:
            return 0
        sizes = np.concatenate([found for found, _ in looked_at])
        return learn_largest_hole(sizes, sum(n for _, n in looked_at), self.median_object_size())

    def median_object_size(self) -> float:
        """Median number of pixels of the labelled objects; 0 without objects."""
        sizes = [p.object_sizes for p in self.planes.values()]
        pooled = np.concatenate(sizes) if sizes else np.zeros(0)
        return float(np.median(pooled)) if len(pooled) else 0.0


def _bounding_box(mask: npt.NDArray[np.bool_]) -> Box:
    box = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(tuple(a for a in range(mask.ndim) if a != axis)))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)
