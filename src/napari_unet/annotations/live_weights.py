"""The weight map of one plane while its constants change: only the exponential is made anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.boundary_weights import class_balance, reach_of
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import Target
from napari_unet.annotations.two_nearest import TwoNearest, two_nearest


class LiveWeights:
    """w(x) = wc(x) + w0 exp(-(d1 + d2)^2 / (2 sigma^2)), eq. 2 of Ronneberger et al. 2015.

    ``target``: class map and, for labels of kind objects, ids (without them the second term is 0).
    ``reach``: up to which d2, in pixels, distances are kept; slow (seconds for hundreds of objects
    and a long reach), so make it in a thread. :meth:`weights` then takes milliseconds.
    """

    def __init__(self, target: Target, reach: float = 0.0) -> None:
        self.target = target
        self.nearest: TwoNearest | None = None
        self._counts = np.bincount(target.classes.ravel(), minlength=256)[:UNLABELLED]
        self._places = np.zeros(0, np.intp)
        self._squares = np.zeros(0, np.float32)
        if target.objects is not None and reach > 0:
            self.nearest = two_nearest(target.objects, reach)
            labelled = target.classes.ravel()[self.nearest.places] != UNLABELLED
            self._places = self.nearest.places[labelled]
            self._squares = self.nearest.total[labelled] ** 2

    def enough(self, w0: float, sigma: float) -> bool:
        """Whether the kept distances reach as far as these constants need them."""
        if self.target.objects is None:
            return True
        return self.nearest is not None and self.nearest.reach >= reach_of(w0, sigma)

    def weights(self, w0: float, sigma: float, balance: float) -> npt.NDArray[np.float32]:
        """float32 of the shape of the plane; 0 where nothing is labelled.

        ``balance``: 0 = all classes alike .. 1 = full inverse frequency, counted on this plane.
        Differs from the definition by at most 1e-4 where :meth:`enough`.
        """
        table = np.zeros(256, np.float32)
        present = int(np.flatnonzero(self._counts).max(initial=0)) + 1
        table[:present] = class_balance(self._counts[:present], balance)
        weights = table[self.target.classes]
        if w0 > 0 and len(self._places):
            exponent = self._squares * np.float32(-0.5 / sigma**2)
            np.exp(exponent, out=exponent)
            exponent *= np.float32(w0)
            weights.ravel()[self._places] += exponent
        return weights
