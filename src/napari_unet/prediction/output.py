"""What is made of probabilities, pixel by pixel, and where it goes in an array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from napari_unet.images.axes import Box, Index

DTYPES: Final[dict[str, npt.DTypeLike]] = {
    "probability": np.float32,
    "classes": np.uint8,
    "objects": np.int32,
    "uncertainty": np.float32,
}
"""All outputs and the dtypes of their arrays. ``probability`` alone has a class axis, the first."""


def uncertainty(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy over the classes of (class, ...), divided by ln(classes): 0 = sure, 1 = no idea.

    There are at least two classes.
    """
    entropy = entr(probability).sum(0) / math.log(len(probability))
    return np.asarray(np.clip(entropy, 0, 1), np.float32)


def classes(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Most probable class of (class, ...); of equals the first."""
    return np.asarray(probability.argmax(0), np.uint8)


def write_tile(
    arrays: Mapping[str, Any], index: Index, box: Box, probability: npt.NDArray[np.float32]
) -> None:
    """Put what follows from the probability (class, *box) of one box into ``arrays``.

    ``arrays`` maps names of ``DTYPES`` to arrays (*leading, *spatial), ``probability`` to (class,
    *leading, *spatial); numpy, memory-mapped or zarr. ``objects`` is left alone, for it needs the
    whole plane.
    """
    place = (*index, *(slice(*span) for span in box))
    if "probability" in arrays:
        arrays["probability"][(slice(None), *place)] = probability
    if "classes" in arrays:
        arrays["classes"][place] = classes(probability)
    if "uncertainty" in arrays:
        arrays["uncertainty"][place] = uncertainty(probability)
