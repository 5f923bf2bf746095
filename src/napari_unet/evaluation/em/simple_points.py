"""Which pixels can change without changing the topology of a binary picture.

A pixel is *simple* when turning it over neither joins, splits, makes nor removes an object or a
hole. Objects are 4-connected and the background is 8-connected, so whether a pixel is simple is
decided by its eight neighbours alone (Bertrand and Malandain, "A new characterization of
three-dimensional simple points", Pattern Recognition Letters 1994; here in two dimensions).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: (dy, dx) of the neighbours around a pixel, once round; neighbour k has the bit 1 << k of a code.
RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))

_SIDES = (1, 3, 5, 7)  # places in RING that share a side with the pixel


def simple_table() -> bytes:
    """For each of the 256 codes 1 where the pixel in the middle is simple, else 0.

    Simple = among its eight neighbours there is exactly one 4-connected part of the foreground
    that shares a side with the pixel, and exactly one 8-connected part of the background.
    """
    return bytes(
        _parts(code, foreground=True) == 1 and _parts(code, foreground=False) == 1
        for code in range(256)
    )


def neighbour_codes(picture: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The code of every pixel (y, x) of a picture; what lies outside it is background."""
    height, width = picture.shape
    padded = np.pad(picture, 1)
    codes = np.zeros(picture.shape, np.uint8)
    for bit, (dy, dx) in enumerate(RING):
        codes |= padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width].astype(np.uint8) << bit
    return codes


def _parts(code: int, *, foreground: bool) -> int:
    """Connected parts of one colour in the ring that are neighbours of the pixel in the middle.

    Along the ring, consecutive places share a side. The background's 8-connection also joins two
    sides across the corner between them (both are one step from it diagonally).
    """
    on = [bool(code >> k & 1) == foreground for k in range(8)]
    part = list(range(8))

    def join(a: int, b: int) -> None:
        if on[a] and on[b]:
            old, new = part[a], part[b]
            part[:] = [new if p == old else p for p in part]

    for k in range(8):
        join(k, (k + 1) % 8)
    if not foreground:
        for k in _SIDES:
            join(k, (k + 2) % 8)
    counted = _SIDES if foreground else range(8)
    return len({part[k] for k in counted if on[k]})


SIMPLE = simple_table()
"""The table, ready to index with a code."""
