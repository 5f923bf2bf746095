"""``unet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_unet.networks.anisotropy import Pooling, check_pooling
from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec
from napari_unet.networks.widths import WIDTHS, Widths


class UNetArguments(Arguments):
    """Arguments of ``unet``; the defaults are those of 2015."""

    width: int = Field(64, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    padding: Literal["valid", "same"] = "valid"
    norm: Literal["none", "batch"] = "none"
    dropout: float = Field(0.5, ge=0, lt=1)
    released: bool = Field(
        False,
        description="as released with the paper: ReLU after up-convolutions, the last keeps its "
        "channels",
    )
    widths: Widths = Field((), description=WIDTHS)
    pooling: Pooling | None = Field(
        None, description="factor of each pooling along each axis; for volumes: from the voxel size"
    )

    @field_validator("pooling")
    @classmethod
    def _one_for_each_level(cls, value: Pooling | None, info: ValidationInfo) -> Pooling | None:
        return check_pooling(value, info.data.get("depth"))


def _geometry(arguments: UNetArguments, dims: int) -> Geometry:
    return encoder_decoder_geometry(
        arguments.depth,
        dims,
        padded=arguments.padding == "same",
        pooling=arguments.pooling,
    )


UNET = NetworkSpec(
    name="unet",
    title="U-Net (2015)",
    paper="arXiv:1505.04597",
    when="The first choice; as published it is large, with width 16, same padding and batch "
    "normalisation it learns in seconds.",
    dims=(2, 3),
    arguments=UNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.unet:UNet",
    live={"width": 16, "depth": 4, "padding": "same", "norm": "batch", "dropout": 0.0},
    tiny={"width": 2, "depth": 2},
    facts_at=FactsAt(size=(572, 572)),
)
