"""Strokes of a 3 x 3 brush along smooth walks, as a hand paints them, and where they are needed."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED

BRUSH = np.ones((3, 3))
LONGEST = 60
"""Pixels of the centre line of a corrective stroke."""
NOTICED = 9
"""Pixels in one piece from which an error is corrected: the area of the brush."""
TRIES = 8
"""Walks of which the one over the most errors is painted."""


def walk(
    room: np.ndarray, start: np.ndarray, wish: int, generator: np.random.Generator
) -> np.ndarray:
    """Pixels (n, 2) of a centre line inside ``room``, turning gently; n <= ``wish``.

    It ends where every gentle turn would leave ``room``.
    """
    place, angle = start.astype(float), generator.uniform(0, 2 * np.pi)
    line = [start]
    while len(line) < wish:
        for turn in generator.permutation(np.linspace(-0.8, 0.8, 9)):
            step = np.array([np.sin(angle + turn), np.cos(angle + turn)])
            pixel = np.rint(place + step).astype(int)
            inside = (pixel >= 0).all() and (pixel < room.shape).all()
            if inside and room[tuple(pixel)]:
                place, angle = place + step, angle + turn
                line.append(pixel)
                break
        else:
            break
    return np.array(line)


def brush(line: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The pixels that a 3 x 3 brush paints along a centre line."""
    mask = np.zeros(shape, bool)
    mask[tuple(line.T)] = True
    return ndimage.binary_dilation(mask, BRUSH)


def stroke(
    area: np.ndarray, within: np.ndarray, wrong: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """The pixels of a stroke that starts in ``within`` and stays in ``area``, over much ``wrong``.

    The centre line keeps the brush inside ``area``; where that is thinner than the brush, what
    would lie outside is not painted. All arguments and the result: (y, x), bool.
    """
    room = ndimage.binary_erosion(area, BRUSH, border_value=1)
    if not (room & within).any():
        room = area
    depth = np.where(room, ndimage.distance_transform_edt(within), 0)
    start = np.array(np.unravel_index(depth.argmax(), depth.shape))
    masks = [brush(walk(room, start, LONGEST, generator), area.shape) for _ in range(TRIES)]
    return max(masks, key=lambda mask: int((mask & wrong).sum())) & area


def wrong_pixels(predicted: np.ndarray, truth: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Where a class map is not as the truth, which is known, and nothing is painted yet."""
    return (predicted != truth) & (truth != UNLABELLED) & (painted == 0)


def largest_error(
    wrong: np.ndarray, truth: np.ndarray, box: tuple[tuple[int, int], ...]
) -> tuple[np.ndarray, int] | None:
    """The largest piece of one true class that is ``wrong`` within a box, and its class.

    None where no piece is large enough to be noticed.
    """
    part = tuple(slice(a, b) for a, b in box)
    most, found = NOTICED - 1, None
    for value in np.unique(truth[part][wrong[part]]):
        pieces, _ = ndimage.label(wrong[part] & (truth[part] == value))
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        if sizes.max() > most:
            most = int(sizes.max())
            piece = np.zeros(wrong.shape, bool)
            piece[part] = pieces == sizes.argmax()
            found = (piece, int(value))
    return found
