"""Models with random weights."""

from __future__ import annotations

from typing import Any

import torch

from napari_unet.model.header import Header, NormalisationConstants, default_classes
from napari_unet.model.model import Model
from napari_unet.networks import registry


def make_model(name: str, dims: int = 2, **arguments: Any) -> Model:
    torch.manual_seed(0)
    network = registry.build(
        name, dims=dims, in_channels=1, out_channels=2, arguments=arguments
    ).eval()
    header = Header(
        network=name,
        arguments=arguments,
        dims=dims,  # type: ignore[arg-type]
        in_channels=1,
        classes=default_classes(2),
        label_kind="classes",
        axes="zyx"[-dims:],
        normalisation=NormalisationConstants(method="training", low=(0.0,), high=(255.0,)),
    )
    return Model(header, network)
