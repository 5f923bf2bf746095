"""One way to compute the same: numbers, memory layout, folding, packing, graphs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from napari_unet.prediction.device import choose_precision, memory_format


@dataclass(frozen=True)
class Way:
    """How a network is run on a device.

    ``precision``: "float32", "bf16" or "fp16". ``channels_last``: layout of the maps. ``folded``:
    batch normalisation multiplied into the convolutions before it, prediction only. ``fused``: the
    optimiser's update of all weights in one kernel, training only. ``graphs``: CUDA graphs,
    prediction only. ``packed``: convolutions laid out once for the processor, with the ReLU after
    them, prediction only (:mod:`napari_unet.prediction.packing`).
    """

    precision: str = "float32"
    channels_last: bool = True
    folded: bool = False
    fused: bool = False
    graphs: bool = False
    packed: bool = False

    def layout(self, dims: int) -> torch.memory_format:
        """Of maps with ``dims`` spatial axes."""
        return memory_format(dims) if self.channels_last else torch.contiguous_format

    def __str__(self) -> str:
        layout = "channels last" if self.channels_last else "channels first"
        more = [name for name in ("folded", "fused", "graphs", "packed") if getattr(self, name)]
        return ", ".join([self.precision, layout, *more])


def default_way(device: torch.device, *, dims: int, training: bool, precision: str = "auto") -> Way:
    """What is used where nothing was measured, or where somebody chose the precision.

    3D networks are trained in float32 on the CPU: in bf16 their gradients are not finite now and
    then (torch 2.13, small 3D U-Nets).

    Raises
    ------
    UserError
        The precision is unknown or the device cannot compute so.
    """
    if precision == "auto" and training and dims == 3 and device.type == "cpu":
        precision = "float32"
    return Way(choose_precision(precision, device))
