"""From a mask to rectangles and outlines that cover just its pixels.

Shapes have no holes. A part with a hole is therefore cut into parts that have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Corners = npt.NDArray[np.float64]
Outline = tuple[Literal["rectangle", "polygon"], Corners]


def outlines(mask: npt.NDArray[np.bool_]) -> Iterator[Outline]:
    """The shapes of a plane; :func:`labels.rasterise` makes the mask of them again."""
    from scipy.ndimage import binary_fill_holes, find_objects
    from skimage.measure import find_contours, label

    # Parts that touch at corners are apart: an outline goes around one of them only.
    todo: list[tuple[int, int, Any]] = [(0, 0, mask)]
    while todo:
        top, left, part = todo.pop()
        parts = label(part, connectivity=1)
        for number, box in enumerate(find_objects(parts), 1):
            one = parts[box] == number
            y, x = top + box[0].start, left + box[1].start
            holes = binary_fill_holes(one, np.ones((3, 3))) & ~one
            if holes.any():
                middle = int(np.argwhere(holes)[0][1]) + 1  # through a hole
                todo += [(y, x, one[:, :middle]), (y, x + middle, one[:, middle:])]
            elif one.all() and min(one.shape) > 1:  # a rectangle without a width covers nothing
                bottom, right = one.shape[0] - 1, one.shape[1] - 1
                corners = [(y, x), (y, x + right), (y + bottom, x + right), (y + bottom, x)]
                yield "rectangle", np.array(corners, float)
            else:
                yield "polygon", find_contours(np.pad(one, 1).astype(float), 0.5)[0] - 1 + (y, x)
