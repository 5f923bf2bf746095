"""Membranes one pixel thin: cells grow until nothing but a line is left between them.

scikit-image's watershed is not used: its line hands the flood on, so that cells leak through it
and fall apart (version 0.26).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def thinned(cells: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """``cells`` (ids, 0 = membrane; any number of axes) after growing into the membrane.

    All grow at the same speed, over sides or faces. A pixel that two reach at the same time stays
    membrane; of two neighbours that two cells reach at the same time, the one of the larger id
    does. No two cells are adjacent over a side or face afterwards if none were before.
    """
    padded = np.pad(cells, 1, constant_values=-1)
    shape = padded.shape
    labels = padded.ravel()
    steps = np.cumprod([1, *shape[:0:-1]])
    around = np.concatenate([steps, -steps])
    edge = np.flatnonzero(labels > 0)
    while True:
        reached = np.unique(edge[:, None] + around)
        reached = reached[labels[reached] == 0]
        if not len(reached):
            break
        beside = labels[reached[:, None] + around]
        largest = beside.max(1)
        smallest = np.where(beside > 0, beside, largest[:, None]).min(1)
        # Where two meet stays membrane: cells never shrink, so both remain beside it.
        edge = reached[smallest == largest]
        labels[edge] = largest[smallest == largest]
        _give_way(labels, edge, around)
        edge = edge[labels[edge] > 0]
    whole: npt.NDArray[np.int32] = labels.reshape(shape)[(slice(1, -1),) * cells.ndim]
    return whole


def _give_way(labels: Array, fresh: Array, around: Array) -> None:
    """Clear those ``fresh`` pixels that a smaller id is beside, from small ids to large ones."""
    beside, own = labels[fresh[:, None] + around], labels[fresh]
    meeting = fresh[((beside > 0) & (beside < own[:, None])).any(1)]
    for pixel in meeting[np.argsort(labels[meeting], kind="stable")]:
        near = labels[pixel + around]
        if ((near > 0) & (near < labels[pixel])).any():
            labels[pixel] = 0
