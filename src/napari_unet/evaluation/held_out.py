"""Thresholds chosen on other images than those that are scored: what a method could have known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.errors import UserError
from napari_unet.evaluation import em
from napari_unet.evaluation.measures import Mean

OPTIMAL, HELD_OUT = "_test_optimal", "_held_out"


def held_out_name(metric: str) -> str:
    """``rand_error_held_out`` for ``rand_error_test_optimal``."""
    return metric.removesuffix(OPTIMAL) + HELD_OUT


def thresholds_of(wanted: Sequence[str]) -> list[str]:
    """Those of the wanted metrics for which a threshold can be chosen elsewhere.

    Raises
    ------
    UserError
        There is none.
    """
    found = [name for name in wanted if name.endswith(OPTIMAL)]
    if not found:
        raise UserError(
            "Held-out images are there to choose the threshold of an error of membranes: ask for "
            "all metrics of classes, or for one such as rand_error_test_optimal."
        )
    return found


def chosen_threshold(metric: str, sums: Mean) -> int:
    """Number of the threshold, of `em.THRESHOLDS`, with the lowest mean error on these images.

    Raises
    ------
    UserError
        The error is undefined for every image.
    """
    if not sums.count:
        raise UserError(
            f"The threshold of {held_out_name(metric)} cannot be chosen: the error is undefined "
            "for every held-out image."
        )
    return int(np.argmin(sums.totals))


def as_written(chosen: dict[str, int]) -> dict[str, float]:
    """The thresholds by the names of what is scored with them."""
    return {held_out_name(name): float(em.THRESHOLDS[n]) for name, n in chosen.items()}
