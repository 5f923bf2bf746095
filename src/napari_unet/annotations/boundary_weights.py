"""Weights that make the network learn the narrow gaps between objects, and rare classes.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
MICCAI 2015, eq. 2: w(x) = wc(x) + w0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.two_nearest import two_nearest
from napari_unet.errors import UserError

#: Weights below this are left out, which bounds how far an object has to be looked at.
NEGLIGIBLE = 5e-5

#: A rare class weighs at most this many times as much as the most frequent one: a few stray pixels
#: of a class must not drown all others.
MAX_RATIO = 20.0


def boundary_weights(
    objects: npt.NDArray[Any],
    w0: float = 10.0,
    sigma: float = 5.0,
    voxel: Sequence[float] = (),
) -> npt.NDArray[np.float32]:
    """Second term of eq. 2: ``w0 * exp(-(d1 + d2)^2 / (2 sigma^2))`` on background, 0 on objects.

    ``objects``: ids of shape (y, x) or (z, y, x), 0 = background. d1 and d2 are the Euclidean
    distances, in pixels, to the nearest pixel of the nearest and of the second nearest object;
    ``sigma`` is in pixels too. ``voxel``: length of a voxel along each axis, in that of the
    shortest, which both are then measured in; empty = all alike. With fewer than two objects
    the weights are 0. The result differs from the definition by at most 1e-4, since weights under
    ``NEGLIGIBLE`` may be left out.

    Raises UserError unless sigma > 0 and w0 >= 0.
    """
    if not (np.isfinite(sigma) and sigma > 0):
        raise UserError(f"sigma of the boundary weights is {sigma:g}; give a number above 0.")
    if not (np.isfinite(w0) and w0 >= 0):
        raise UserError(f"w0 of the boundary weights is {w0:g}; give 0 or a number above it.")
    weights = np.zeros(np.shape(objects), np.float32)
    if w0 > NEGLIGIBLE:
        near = two_nearest(objects, reach_of(w0, sigma), voxel)
        weights.ravel()[near.places] = w0 * np.exp(-0.5 * (near.total / np.float32(sigma)) ** 2)
    return weights


def reach_of(w0: float, sigma: float) -> float:
    """d2 beyond which a weight is ``NEGLIGIBLE``, in pixels: d1 is never less than one."""
    both = sigma * float(np.sqrt(2 * np.log(max(w0, 2 * NEGLIGIBLE) / NEGLIGIBLE)))
    return max(1.0, both - 1.0)


def class_balance(counts: npt.ArrayLike, strength: float = 1.0) -> tuple[float, ...]:
    """Weight of each class, wc of eq. 2: ``frequency ** -strength``, absent classes 0.

    ``counts``: labelled pixels by class. ``strength`` 1 gives every class the same say, 0.5 the
    square root of that, 0 no balance. No weight is more than ``MAX_RATIO`` times the smallest one,
    and the mean weight over the labelled pixels is 1.
    """
    pixels = np.asarray(counts, float)
    weights = np.zeros(len(pixels))
    present = pixels > 0
    if present.any():
        raw = (pixels[present].sum() / pixels[present]) ** strength
        raw = np.minimum(raw, MAX_RATIO * raw.min())
        weights[present] = raw * pixels.sum() / (raw * pixels[present]).sum()
    return tuple(float(w) for w in weights)
