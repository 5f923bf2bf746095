"""Warping error: how many pixels are wrong after all harmless differences are forgiven.

V. Jain et al., "Boundary learning by optimization with topological constraints", CVPR 2010. The
truth is warped towards the prediction as far as that is possible without changing its topology;
what then still differs is a merged, split, missed or invented object or hole, pixel for pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.evaluation.em.simple_points import RING, SIMPLE, neighbour_codes
from napari_unet.evaluation.shapes import must_fit

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Warping:
    """The truth after warping, and where it still differs from the prediction, both (y, x)."""

    warped: Mask
    mismatches: Mask


def warping_error(
    probability: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    threshold: float = 0.5,
    ignore: Mask | None = None,
) -> float:
    """Mismatches that remain after warping, as a part of all pixels that count.

    Parameters
    ----------
    probability
        (y, x) or (z, y, x): of being inside a cell. Of a stack every section is warped by itself
        and the mean is taken, as in the ISBI 2012 challenge.
    truth
        The same shape; non-zero inside a cell.
    threshold
        A pixel is predicted to be inside where the probability is greater.
    ignore
        True where pixels neither change nor count. The truth needs some value there too, because
        it has a say in what is simple next to it.

    Returns
    -------
    float
        0 (same topology) to 1; nan where no pixel counts.

    Raises
    ------
    UserError
        Shapes that differ, or neither 2 nor 3 axes.
    """
    must_fit(probability, truth, ignore)
    if truth.ndim == 3:
        skipped = np.zeros(truth.shape, bool) if ignore is None else ignore
        errors = [
            warping_error(p, t, threshold, i)
            for p, t, i in zip(probability, truth, skipped, strict=True)
        ]
        known = [e for e in errors if not np.isnan(e)]
        return sum(known) / len(known) if known else float("nan")
    pixels = truth.size if ignore is None else int(np.count_nonzero(~ignore))
    if not pixels:
        return float("nan")
    return int(warp(probability, truth, threshold, ignore).mismatches.sum()) / pixels


def warp(
    probability: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    threshold: float = 0.5,
    ignore: Mask | None = None,
) -> Warping:
    """Warp one section of the truth towards the prediction; arguments as in `warping_error`.

    In sweeps over the pixels that differ, surest prediction (greatest distance to the threshold)
    first and column by column where that is equal, each pixel that is simple at its turn is turned
    over; a sweep without a change is the last. This is the order of Fiji's implementation, and the
    result depends on it: another order may leave other (and a few more or fewer) mismatches. No
    order is known to be always best.

    The sweeps are carried out exactly, but not by visiting every pixel in each: a pixel that was
    not simple becomes so only when a neighbour changes, so only then is it given another turn, in
    the same sweep or the next. That takes N log N steps for N mismatches, however many sweeps.
    """
    must_fit(probability, truth, ignore)
    if truth.ndim != 2:
        raise UserError(f"Warping works on (y, x), not on {truth.ndim} axes.")
    source = truth != 0
    wrong = (probability > threshold) != source
    if ignore is not None:
        wrong &= ~ignore
    height, width = source.shape
    step = width + 2  # in pictures with a margin of one pixel, so that every pixel has a ring
    # Seen from a neighbour, the pixel that changed lies on the opposite side.
    ring = [(dy * step + dx, 1 << (k + 4) % 8) for k, (dy, dx) in enumerate(RING)]
    codes = bytearray(np.pad(neighbour_codes(source), 1).tobytes())
    flat = np.flatnonzero(np.pad(wrong, 1))
    sure = np.abs(np.asarray(probability, np.float64) - threshold)[wrong]
    y, x = np.divmod(flat, step)
    order = np.lexsort((y, x, -sure))
    pixels: list[int] = flat[order].tolist()
    total = len(pixels)
    turn = np.full((height + 2) * step, -1, np.int64)
    turn[flat[order]] = np.arange(total)
    # Place in the order while the pixel differs; -1 once it does not, or never did.
    ranks: list[int] = turn.tolist()

    # A turn is sweep * total + rank.
    simple = SIMPLE
    turns = [rank for rank in range(total) if simple[codes[pixels[rank]]]]
    heapify(turns)
    while turns:
        now = heappop(turns)
        rank = now % total
        pixel = pixels[rank]
        if ranks[pixel] < 0 or not simple[codes[pixel]]:
            continue
        ranks[pixel] = -1
        for offset, bit in ring:
            other = pixel + offset
            code = codes[other] = codes[other] ^ bit
            if simple[code] and (waits := ranks[other]) >= 0:
                # Later in this sweep, or in the next.
                heappush(turns, now - rank + waits + (total if waits < rank else 0))
    left = np.array(ranks, np.int64).reshape(height + 2, step)[1:-1, 1:-1] >= 0
    return Warping(source ^ wrong ^ left, left)
