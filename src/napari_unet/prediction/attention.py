"""Where the gates of a network look: attention coefficients as maps, tile by tile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.networks.geometry import Sizes
from napari_unet.prediction.device import autocast
from napari_unet.prediction.predictor import Predictor


class AttentionPredictor(Predictor):
    """A predictor whose "classes" are the gates of a network with a method ``attention``.

    Each map (Oktay et al. 2018, equation 1: alpha, 0 to 1) is as large as the image: coefficients
    of coarser levels are repeated, not interpolated, so that what is shown is what was multiplied.
    They depend on no more than the outputs around them, so tiles are as exact as those of outputs.
    """

    @torch.inference_mode()
    def _probability(
        self, pixels: npt.NDArray[np.float32], margins: Sizes | None, rotations: bool
    ) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32))[None].to(self.device)
        x = x.contiguous(memory_format=self._layout)
        with autocast(self.device, self.precision):
            found: list[Tensor] = self.network.attention(x)
        size = x.shape[2:]
        enlarged = [functional.interpolate(one.float(), size=size, mode="nearest") for one in found]
        return torch.cat(enlarged, 1)[0]
