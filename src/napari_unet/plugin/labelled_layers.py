"""The session's labelled layers as they are now, for what runs without the session. No widgets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def labelled_layers(session: Session) -> list[LabelledImage]:
    """Images with copies of their labels and regions: painting may go on meanwhile.

    0 is not labelled outside regions, as in the training. Raises UserError where nothing is
    labelled.
    """
    session.flush()
    found = []
    for one in session.labels.values():
        entry = one.entry
        image = entry.volume() if session.engine_dims(entry) == 3 else entry.image
        image = replace(image, name=entry.name)
        labels, regions = (
            Image(entry.name, np.array(array), image.axes.replace("c", ""), image.dims)
            for array in (one.sent, one.regions)
        )
        found.append(LabelledImage(image, labels, one.kind, regions=regions))
    if not any(one.sent.any() for one in session.labels.values()):
        raise UserError("Nothing is labelled yet: paint some background and some of each class.")
    return found
