"""Scores of cells separated by membranes, as in the ISBI 2012 challenge of electron microscopy.

Everywhere: ``probability`` is that of being inside a cell, ``truth`` is non-zero inside a cell.
"""

from napari_unet.evaluation.em.clustering import (
    Agreement,
    RandSums,
    rand_sums,
    v_info,
    v_rand,
    variation_of_information,
)
from napari_unet.evaluation.em.scores import (
    THRESHOLDS,
    Optimum,
    best_threshold,
    by_section,
    cells,
    pixel_error,
    pixel_f_error,
    rand_error,
)
from napari_unet.evaluation.em.warping import Warping, warp, warping_error

__all__ = [
    "THRESHOLDS",
    "Agreement",
    "Optimum",
    "RandSums",
    "Warping",
    "best_threshold",
    "by_section",
    "cells",
    "pixel_error",
    "pixel_f_error",
    "rand_error",
    "rand_sums",
    "v_info",
    "v_rand",
    "variation_of_information",
    "warp",
    "warping_error",
]
