"""From a header and weights to a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.model.header import Header
from napari_unet.networks import registry


def network_for(header: Header, weights: dict[str, Tensor], name: str = "the model") -> nn.Module:
    """The network that the header describes with these weights, on the CPU.

    Whether they fit is found out before any memory is taken: the header may ask for anything.
    """
    try:
        with torch.device("meta"):
            network = registry.build(
                header.network,
                dims=header.dims,
                in_channels=header.in_channels,
                out_channels=len(header.classes),
                arguments=header.arguments,
            )
    except UserError as error:
        raise UserError(f"{name}: model.json: {error}") from None
    expected = network.state_dict()
    for key, tensor in expected.items():
        if key not in weights:
            raise UserError(f"{name}: the tensor {key} is missing from the weights.")
        found = weights[key]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            raise UserError(
                f"{name}: the tensor {key} of the weights does not fit the network: it is "
                f"{_describe(found)} instead of {_describe(tensor)}."
            )
    for key in weights:
        if key not in expected:
            raise UserError(
                f"{name}: the tensor {key} of the weights does not belong to the network "
                f"{header.network!r}."
            )
    network.load_state_dict(weights, assign=True)
    return network


def _describe(tensor: Tensor) -> str:
    shape = " x ".join(map(str, tensor.shape)) or "one number"
    return f"{shape} ({str(tensor.dtype).removeprefix('torch.')})"
