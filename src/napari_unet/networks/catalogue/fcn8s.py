"""``fcn8s``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, contracted, joined, pooled, reach, transposed
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

CONVOLUTIONS = (2, 2, 3, 3, 3)
"""3x3 convolutions before each pooling of VGG-16."""


class FCN8sArguments(Arguments):
    """Arguments of ``fcn8s``."""

    width: int = Field(64, ge=1, le=1024, description="channels at full resolution")
    norm: Literal["none", "batch"] = "none"
    dropout: float = Field(0.5, ge=0, lt=1)


def _needs(span: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""
    pool3 = transposed(span, 16, 8, 4)
    pool4 = transposed(pool3, 4, 2, 1)
    fc6 = transposed(pool4, 4, 2, 1)
    return joined(
        contracted(pooled(pool3), CONVOLUTIONS[:3]),
        contracted(pooled(pool4), CONVOLUTIONS[:4]),
        contracted(fc6, (*CONVOLUTIONS, 3)),
    )


def _geometry(arguments: FCN8sArguments, dims: int) -> Geometry:
    return Geometry(
        stride=(32,) * dims,
        reach=(reach(_needs, 32),) * dims,
        border=(0,) * dims,
        base=(32,) * dims,
    )


FCN8S = NetworkSpec(
    name="fcn8s",
    title="FCN-8s",
    paper="arXiv:1411.4038",
    when="To compare with the network that came before U-Net; its outlines are coarse, and without "
    "the ImageNet weights of the paper it needs many images.",
    dims=(2,),
    arguments=FCN8sArguments,
    geometry=_geometry,
    module="napari_unet.networks.fcn8s:FCN8s",
    live={"width": 16, "norm": "batch", "dropout": 0.0},
    tiny={"width": 2, "norm": "batch"},
    facts_at=FactsAt(channels=3, classes=21),
)
