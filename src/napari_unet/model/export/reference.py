"""What this package itself predicts for made-up images: what exported models are compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.model.export.graphs import TOLERANCE, difference
from napari_unet.model.model import Model
from napari_unet.networks.geometry import Sizes

Array = npt.NDArray[np.float32]


class Reference:
    """The model on the CPU in float32; ``model`` is left as it is."""

    def __init__(self, model: Model) -> None:
        self._model = Model(model.header, copy.deepcopy(model.network))
        self._predictor = self._model.predictor("cpu", "float32")

    def grey(self, size: Sizes) -> Array:
        """Smooth blobs (1, C, *size) in the grey values that the model was trained on."""
        header = self._model.header
        generator = np.random.default_rng(0)
        channels = []
        for low, high in zip(header.normalisation.low, header.normalisation.high, strict=True):
            blobs = gaussian_filter(generator.normal(size=size), 2, mode="reflect")
            blobs = (blobs - blobs.min()) / max(float(np.ptp(blobs)), 1e-12)
            channels.append(low + max(high - low, 1e-3) * (1.1 * blobs - 0.05))
        return np.stack(channels)[None].astype(np.float32)

    def normalised(self, grey: Array) -> Array:
        """The network's input for grey values, both (1, C, *size)."""
        header = self._model.header
        image = Image("made up", grey[0], f"c{header.spatial_axes}", header.dims)
        return self._model.normalisation(image).apply(grey[0])[None]

    def probability(self, grey: Array) -> Array:
        """Probability (1, class, *output) of grey values (1, C, *size)."""
        return self._predictor.tile_probability(self.normalised(grey)[0])[None]

    def compare(self, what: str, run: Callable[[Array], Array], sizes: Sequence[Sizes]) -> str:
        """A sentence on how ``run`` compares; it maps grey values to probabilities.

        Raises
        ------
        UserError
            A difference of more than ``TOLERANCE``.
        """
        inputs = [self.grey(size) for size in sizes]
        worst = max(difference(run, x, self.probability(x)) for x in inputs)
        if worst > TOLERANCE:
            raise UserError(
                f"The exported model ({what}) does not do what the model does: its probabilities "
                f"differ by up to {worst:.2g}. Nothing was written; please report it."
            )
        tried = " and ".join(" x ".join(map(str, size)) for size in sizes)
        return f"{what}: largest difference from this model {worst:.1e} (inputs of {tried} pixels)"
