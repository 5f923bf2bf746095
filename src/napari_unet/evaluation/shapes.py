"""What every metric asks of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError


def must_fit(
    prediction: npt.NDArray[Any], truth: npt.NDArray[Any], ignore: npt.NDArray[np.bool_] | None
) -> None:
    """Raises UserError unless all have one shape of two or three axes."""
    if prediction.shape != truth.shape:
        raise UserError(
            f"The prediction has the size {prediction.shape}, the truth {truth.shape}: "
            "they must be equal."
        )
    if ignore is not None and ignore.shape != truth.shape:
        raise UserError(
            f"What is to be ignored has the size {ignore.shape}, the truth {truth.shape}: "
            "they must be equal."
        )
    if truth.ndim not in (2, 3):
        raise UserError(f"Scores are of pictures with 2 or 3 axes, not {truth.ndim}.")
