"""Prediction into labels: "this is right", as one undoable stroke."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import label

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.protocol import Box, Index
from napari_unet.plugin.derived import pixels


def accept_box(labels: Any, prediction: Any, kind: LabelKind, index: Index, box: Box) -> int:
    """Turn the prediction inside a box of one plane into labels; returns the number of pixels.

    ``prediction``: a Labels layer of class indices or, for labels of the kind objects, of ids.
    What the user painted there stays as it is.
    """
    inside = np.zeros(pixels(prediction)[index].shape, bool)
    inside[tuple(slice(a, b) for a, b in box)] = True
    return _accept(labels, prediction, kind, index, inside)


def accept_object(
    labels: Any, prediction: Any, kind: LabelKind, index: Index, position: tuple[int, ...]
) -> int:
    """Turn the predicted object under a pixel of one plane into a label."""
    plane = np.asarray(pixels(prediction)[index])
    if any(not 0 <= p < n for p, n in zip(position, plane.shape, strict=True)):
        return 0
    value = plane[position]
    if value == 0:
        return 0
    components, _ = ndimage.label(plane == value)
    return _accept(labels, prediction, kind, index, components == components[position])


def _accept(
    labels: Any, prediction: Any, kind: LabelKind, index: Index, inside: npt.NDArray[np.bool_]
) -> int:
    plane = np.asarray(pixels(prediction)[index])
    painted = np.asarray(labels.data[index])
    if kind == "objects":
        values = label(plane, background=0)  # parts of different ids stay apart
        # New ids, so that nothing accepted joins what was painted.
        values = np.where(values > 0, values + int(np.max(labels.data)), 0)
        chosen = inside & (painted == 0) & (values > 0)
    else:
        values = plane + 1 if kind == "scribbles" else plane
        chosen = inside & (painted == 0) & (values > 0)
    if not chosen.any():
        return 0
    where = np.nonzero(chosen)
    indices = (*(np.full(len(where[0]), i) for i in index), *where)
    # data_setitem, so that Ctrl-Z takes it back.
    labels.data_setitem(indices, values[chosen].astype(labels.data.dtype))
    return len(where[0])
