"""A predicted part of a plane into the layers that the user wants to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import Box, Index
from napari_unet.plugin import derived, overview
from napari_unet.plugin.images import ImageEntry

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def show_prediction(
    session: Session,
    entry: ImageEntry,
    index: Index,
    box: Box,
    probability: npt.NDArray[np.float32],
) -> None:
    """``probability`` (class, *box) as classes, foreground probability and uncertainty."""
    viewer = session.viewer
    if "prediction" in session.shown:
        layer = derived.class_layer(viewer, entry, session.classes)
        derived.write_box(layer, index, box, probability.argmax(0).astype(np.uint8))
        if len(box) == 2:
            overview.replaced(viewer, entry, index, box)
    if "probability" in session.shown:
        layer = derived.image_layer(viewer, entry, "probability", 1.0, "magenta")
        derived.write_box(layer, index, box, 1 - probability[0])
    if "uncertainty" in session.shown:
        layer = derived.image_layer(viewer, entry, "uncertainty", 1.0, "inferno")
        derived.write_box(layer, index, box, derived.uncertainty(probability))
