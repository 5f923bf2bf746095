"""U-Score: accuracy weighed against size, work and speed.

F. Tang et al., "U-Bench: a comprehensive understanding of U-Net through 100-variant benchmarking",
arXiv 2510.07041. Each of IoU, parameters P, multiply-adds G and frames per second F becomes a
number from 0 to 1 between the 10 % and the 90 % quantile (Q10, Q90) over the networks compared,

    a = (IoU - Q10) / (Q90 - Q10)            p = (ln Q90 - ln P) / (ln Q90 - ln Q10)
    s = (F - Q10) / (Q90 - Q10)              g = (ln Q90 - ln G) / (ln Q90 - ln Q10)

clipped to [0.05, 1]; then e = 3 / (1/p + 1/g + 1/s) and U = 100 * 2 / (1/a + 1/e). The lower clip
of 0.05 instead of 0 is in the authors' published calculator, not in the formula of the paper: with
0, one bad number makes the score 0. What the paper calls FLOPs are multiply-adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np

from napari_unet.errors import UserError

FLOOR = 0.05
FEWEST = 8
"""Networks that a comparison needs for quantiles of its own."""


@dataclass(frozen=True)
class Cost:
    """A network as the score sees it: IoU (0 to 1), parameters, multiply-adds, frames a second.

    The last two depend on the size of the image, and the speed on batch, device and precision:
    name them with the score.
    """

    iou: float
    parameters: float
    macs: float
    fps: float


class Range(NamedTuple):
    """10 % and 90 % quantile."""

    q10: float
    q90: float


@dataclass(frozen=True)
class Scale:
    """What the numbers are measured against."""

    iou: Range
    parameters: Range
    macs: Range
    fps: Range


#: Published IoU quantiles of data sets of U-Bench: one of ultrasound, the others of microscopy and
#: the retina.
UBENCH_IOU = {
    "BUSI": Range(0.5837592, 0.7062627),
    "DSB2018": Range(0.84518087, 0.8814354),
    "Cell": Range(0.77501, 0.84493),
    "GlaS": Range(0.63125, 0.83085),
    "Monusac": Range(0.53337, 0.66919),
    "DRIVE": Range(0.15082, 0.62447),
}


def ubench_scale(dataset: str) -> Scale:
    """U-Bench's own constants: of its 100 networks, at 3 x 256 x 256, on its device.

    They hold for its data sets and its protocol only. Elsewhere use `relative_scale`.

    Raises
    ------
    UserError
        Not one of `UBENCH_IOU`.
    """
    if dataset not in UBENCH_IOU:
        raise UserError(f"There is no data set {dataset!r}; choose one of {', '.join(UBENCH_IOU)}.")
    # The calculator holds logarithms of millions and of 10^9 multiply-adds.
    parameters, macs = np.exp([0.39, 4.32]) * 1e6, np.exp([0.88, 4.20]) * 1e9
    return Scale(
        iou=UBENCH_IOU[dataset],
        parameters=Range(*map(float, parameters)),
        macs=Range(*map(float, macs)),
        fps=Range(24.28, 121.63),
    )


def relative_scale(networks: Sequence[Cost]) -> Scale:
    """Quantiles over the networks of one comparison, for a *relative* U-Score.

    It ranks these networks among each other; it cannot be compared with U-Bench's figures, nor
    with those of another comparison.

    Raises
    ------
    UserError
        Fewer than eight networks, whose quantiles would say little.
    """
    if len(networks) < FEWEST:
        raise UserError(
            f"A relative U-Score needs {FEWEST} networks or more; here are {len(networks)}."
        )

    def quantiles(values: list[float]) -> Range:
        low, high = np.quantile(values, [0.1, 0.9])
        return Range(float(low), float(high))

    return Scale(
        iou=quantiles([n.iou for n in networks]),
        parameters=quantiles([n.parameters for n in networks]),
        macs=quantiles([n.macs for n in networks]),
        fps=quantiles([n.fps for n in networks]),
    )


def u_score(network: Cost, scale: Scale) -> float:
    """The U-Score, 5 to 100; nan where the IoU is nan.

    Where both quantiles are equal, below them is 0, above them 1 and on them 1/2 (for costs the
    other way round).

    Raises
    ------
    UserError
        Parameters, multiply-adds or frames a second that are not positive.
    """
    if not (network.parameters > 0 and network.macs > 0 and network.fps > 0):
        raise UserError(f"The U-Score needs positive figures, not {network}.")
    if np.isnan(network.iou):
        return float("nan")
    a = _place(network.iou, *scale.iou)
    p = _place(-log(network.parameters), *(-log(q) for q in reversed(scale.parameters)))
    g = _place(-log(network.macs), *(-log(q) for q in reversed(scale.macs)))
    s = _place(network.fps, *scale.fps)
    efficiency = 3 / (1 / p + 1 / g + 1 / s)
    return 100 * 2 / (1 / a + 1 / efficiency)


def _place(value: float, low: float, high: float) -> float:
    """Where a value lies between both, clipped."""
    if high > low:
        share = (value - low) / (high - low)
    else:
        share = 0.5 if value == low else float(value > low)
    return min(max(share, FLOOR), 1.0)
