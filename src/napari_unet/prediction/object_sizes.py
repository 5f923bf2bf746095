"""At which size an image is predicted: that at which its objects are as large as those learned.

A first prediction at the size as it is finds objects; their median size against that of the
training decides (Stringer et al. 2021, "Cellpose", estimate a diameter first, too). Images are only
enlarged, never shrunk: that gained nothing. How much it brings: docs/benchmarks.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.objects import DROPPED_BELOW, objects_from_probability
from napari_unet.images.image import Box, Image, Index
from napari_unet.images.normalise import Normalisation
from napari_unet.networks.geometry import Sizes
from napari_unet.prediction.enlarging import SIZES
from napari_unet.prediction.predictor import Array, Predictor

SETTLED = 20
"""Steps of a training after which the sizes of the objects that are found say something."""
LOOKED_AT = 1024
"""Longest side of a plane that is looked at as a whole."""
BLOCKS, BLOCK = 3, 384
"""Of a longer one so many blocks of so many pixels, evenly spread."""


@dataclass(frozen=True)
class KnownObjects:
    """What is known of the objects of a training: how they are cut, as in a model's header, and
    how many times images are enlarged at most."""

    min_size: int = 0
    split_depth: float = 0.0
    largest_hole: int = 0
    most: float = 1.0

    @property
    def median(self) -> float:
        """Pixels of the median object, to about 5 %; 0 = unknown."""
        return self.min_size / DROPPED_BELOW

    def size_for(
        self,
        image: Image,
        normalisation: Normalisation,
        predictor: Predictor,
        tile: int | Sizes | None = None,
    ) -> tuple[Fraction, dict[Index, Array]]:
        """How many times ``image`` is to be enlarged, one of ``SIZES``, and what is known then.

        The latter is the probability (class, y, x) of a plane by its index: one that was looked at
        as a whole and is not to be enlarged need not be predicted again.

        Looked at is the middle plane, with ``predictor`` at the size as it is, in tiles of this
        side (which changes memory only). Where no object is found, the image stays as it is.
        """
        sizes = [size for size in SIZES if size <= self.most]
        if len(sizes) < 2 or not self.median or not predictor.geometry.resizable:
            return Fraction(1), {}
        indices = list(image.indices())
        index, shape = indices[len(indices) // 2], image.spatial_shape
        constants = normalisation.for_image(image, index)

        def read(box: Box) -> npt.NDArray[np.float32]:
            return constants.apply(image.read(index, box))

        found = [predictor.region(read, shape, box, tile) for box in product(*map(_spans, shape))]
        areas = np.concatenate([self._areas(probability) for probability in found])
        size = Fraction(1)
        if len(areas):
            wanted = math.log(self.median / float(np.median(areas))) / 2
            size = min(sizes, key=lambda size: abs(math.log(size) - wanted))
        whole = size == 1 and found[0].shape[1:] == shape
        return size, {index: found[0]} if whole else {}

    def _areas(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        objects = objects_from_probability(
            probability,
            self.min_size,
            split_depth=self.split_depth,
            largest_hole=self.largest_hole,
        )
        return np.bincount(objects.ravel())[1:]


def _spans(length: int) -> list[tuple[int, int]]:
    """What is looked at along an axis."""
    if length <= LOOKED_AT:
        return [(0, length)]
    middles = (length * (2 * i + 1) // (2 * BLOCKS) for i in range(BLOCKS))
    # Of a plane that is hardly longer, the outer blocks would reach beyond it.
    starts = (min(max(0, middle - BLOCK // 2), length - BLOCK) for middle in middles)
    return [(start, start + BLOCK) for start in starts]
