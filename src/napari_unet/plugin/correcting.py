"""Watches what is predicted and what is painted over it; see project.corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import make_target
from napari_unet.engine.protocol import Box, Index
from napari_unet.errors import UserError
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.project.corrections import FILE, Corrections

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

AROUND = 2
"""Pixels around a change that tell whether objects touch."""


class Correcting:
    """Remembers corrections, and checks them against every prediction that is shown.

    The last prediction of each plane is kept here: layers may be hidden, renamed or removed.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.corrections = Corrections()
        self._predicted: dict[tuple[str, Index], npt.NDArray[np.uint8]] = {}

    def predicted(
        self, entry: ImageEntry, index: Index, box: Box, classes: npt.NDArray[np.uint8]
    ) -> None:
        """A part of a plane was predicted: class indices of the shape of ``box``.

        Of a volume the box is one plane thick; corrections are painted on planes.
        """
        if len(box) > len(entry.image.spatial_shape):
            index, box, classes = (*index, box[0][0]), box[1:], classes[0]
        plane = self._predicted.get((entry.id, index))
        if plane is None or plane.shape != entry.image.spatial_shape:
            plane = np.full(entry.image.spatial_shape, UNLABELLED, np.uint8)
            self._predicted[(entry.id, index)] = plane
        plane[tuple(slice(a, b) for a, b in box)] = classes
        one = self._session.labels.get(entry.id)
        if one is None or one.project_id is None or not self._place():
            return
        here = [c for c in self.corrections if (c.labels, c.index) == (one.project_id, index)]
        if not here:
            return
        painted = np.full(plane.shape, UNLABELLED, np.uint8)
        for correction in here:
            wide = _wider(correction.box, plane.shape)
            painted[tuple(slice(a, b) for a, b in wide)] = class_map(one, index, wide)
        try:
            self.corrections.check(one.project_id, index, painted, plane)
        except UserError as error:
            self._session.tell("error", str(error))
        self.changed.emit()

    def forget(self, entry: ImageEntry) -> None:
        """The image has other pixels now, or is gone: nothing of it is predicted."""
        self._predicted = {k: one for k, one in self._predicted.items() if k[0] != entry.id}

    def known(
        self, entry: ImageEntry, index: Index, rows: npt.NDArray[Any], columns: npt.NDArray[Any]
    ) -> npt.NDArray[np.bool_]:
        """(rows, columns): which of these pixels of a plane have been predicted."""
        plane = self._predicted.get((entry.id, index))
        if plane is None or plane.shape != entry.image.spatial_shape:
            return np.zeros((len(rows), len(columns)), bool)
        return plane[np.ix_(rows, columns)] != UNLABELLED

    def painted(self, one: LabelEntry, before: npt.NDArray[Any], index: Index) -> None:
        """A stroke changed a plane that was ``before``; ``one.sent`` holds what it is now."""
        plane = self._predicted.get((one.entry.id, index))
        if plane is None or one.project_id is None or not self._place():
            return
        touched = before != one.sent[index]
        if touched.shape != plane.shape or not touched.any():
            return
        box = _around(touched)
        part = tuple(slice(a, b) for a, b in box)
        painted = np.full(plane.shape, UNLABELLED, np.uint8)
        painted[part] = np.where(touched[part], class_map(one, index, box), UNLABELLED)
        try:
            found = self.corrections.add(
                one.project_id, index, painted, plane, self._session.training.step
            )
        except UserError as error:
            self._session.tell("error", str(error))
            found = None
        if found is not None and found[1] in ("fixed", "broken"):
            self._session.tell(
                "info",
                f"You corrected this place before ({found[0].times - 1} time(s)); it had been "
                "learnt and was lost again.",
            )
        self.changed.emit()

    def entry_of(self, labels: str) -> ImageEntry | None:
        """The image whose labels have this id in the project."""
        for one in self._session.labels.values():
            if one.project_id == labels:
                return one.entry
        return None

    def _place(self) -> bool:
        """Follow the project to its folder; False without one."""
        project = self._session.project.project
        if project is None:
            return False
        try:
            self.corrections.move(project.folder / FILE)
        except UserError as error:
            self._session.tell("error", str(error))
        return True

    def load(self) -> None:
        """Those of the project that is open."""
        self._place()
        self.changed.emit()


def class_map(one: LabelEntry, index: Index, box: Box) -> npt.NDArray[np.uint8]:
    """Class map of a part of the labels of now, UNLABELLED where nothing is said."""
    part = tuple(slice(a, b) for a, b in box)
    labels = np.asarray(one.sent[index])[part]
    regions = np.asarray(one.regions[index])[part]
    return make_target(labels, one.kind, complete=False, regions=regions).classes


def _around(mask: npt.NDArray[np.bool_]) -> Box:
    box = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return _wider(tuple(box), mask.shape)


def _wider(box: Box, shape: tuple[int, ...]) -> Box:
    return tuple(
        (max(0, a - AROUND), min(n, b + AROUND)) for (a, b), n in zip(box, shape, strict=True)
    )
