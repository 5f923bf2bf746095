"""How much each channel of a network says."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_unet.pruning.wiring import Wiring


@torch.no_grad()
def activation_norms(
    network: nn.Module, wiring: Wiring, batches: Iterable[Tensor]
) -> list[npt.NDArray[np.float64]]:
    """L2 norm of the activation of each channel of each layer, mean over all images.

    ``network`` is put into evaluation mode; ``batches`` are images (B, C, *input). The activation
    is what the layers behind see: after ReLU and normalisation, of up-convolutions without them
    their output.
    """
    sums = [torch.zeros(()).double()] * len(wiring.layers)
    number = 0

    def watch(place: int, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            # At once: an in-place ReLU behind may overwrite it. Apple GPUs know no float64.
            norms = output.float().flatten(2).norm(dim=2)
            sums[place] = sums[place] + norms.cpu().double().sum(0)

        return module.register_forward_hook(look)

    handles = [
        watch(place, network.get_submodule(layer.seen)) for place, layer in enumerate(wiring.layers)
    ]
    try:
        network.eval()
        for images in batches:
            number += len(images)
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return [(one / max(1, number)).numpy() for one in sums]
