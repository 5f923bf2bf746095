"""Where everything is labelled: rectangles and outlines of a Shapes layer, and the mask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import Box, LabelsChanged
from napari_unet.errors import UserError
from napari_unet.plugin import derived, labels
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.visible import current_index

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def region_layer(session: Session, entry: ImageEntry) -> Any:
    """``<image>: fully annotated``, a Shapes layer, made if needed. Raises UserError."""
    if entry.id not in session.labels:
        raise UserError("Make labels for this image first, then mark where they are complete.")
    layer = session.regions.get(entry.id)
    if layer is None or layer not in session.viewer.layers:
        active = session.viewer.layers.selection.active
        layer = session.viewer.add_shapes(
            None,
            ndim=len(entry.shape),
            name=f"{entry.name}: fully annotated",
            edge_color="#00d0ff",
            face_color="#00d0ff18",
            edge_width=2,
            metadata=derived.note(entry, "regions"),
            **derived.placement(entry),
        )
        session.regions[entry.id] = layer
        session.listen(layer.events.data, lambda e: read_regions(session, entry))
        if active is not None:
            session.viewer.layers.selection.active = active
    return layer


def mark_complete(session: Session, entry: ImageEntry, box: Box) -> None:
    """Mark a box of the current plane as fully annotated. Raises UserError."""
    layer = region_layer(session, entry)
    index = current_index(session.viewer, entry)
    (top, bottom), (left, right) = box
    corners = [(top, left), (top, right - 1), (bottom - 1, right - 1), (bottom - 1, left)]
    layer.add_rectangles(np.array([[*index, *c] for c in corners], float))
    read_regions(session, entry)


def read_regions(session: Session, entry: ImageEntry) -> None:
    """Make the mask of what is fully annotated anew."""
    one, layer = session.labels.get(entry.id), session.regions.get(entry.id)
    if one is None:
        return
    none = np.zeros(entry.shape, np.uint8)
    _take(session, one, none if layer is None else labels.rasterise(layer, entry))


def _take(session: Session, one: LabelEntry, mask: npt.NDArray[np.uint8]) -> None:
    for index in one.planes():
        if np.array_equal(mask[index], one.regions[index]):
            continue
        before = np.array(one.regions[index])
        one.regions[index] = mask[index]
        try:
            session.project.record_regions(one, before, index)
        except UserError as error:
            session.tell("error", str(error))
        if one.entry.ready:
            engine_index = session.engine_index(one.entry, index)
            session.send(LabelsChanged(image=one.entry.id, index=engine_index))


def forget_regions(session: Session, image_id: str) -> None:
    """The layer of regions was removed: nothing is fully annotated any more."""
    one = session.labels.get(image_id)
    if one is not None and image_id not in session.regions:
        _take(session, one, np.zeros(one.entry.shape, np.uint8))
