"""``lunet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_unet.networks.anisotropy import Pooling, check_pooling
from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, NetworkSpec
from napari_unet.networks.widths import WIDTHS, Widths


class LUNetArguments(Arguments):
    """Arguments of ``lunet``."""

    width: int = Field(16, ge=1, le=1024, description="channels at every level")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    padding: Literal["valid", "same"] = "same"
    norm: Literal["none", "batch"] = "batch"
    widths: Widths = Field((), description=WIDTHS)
    pooling: Pooling | None = Field(
        None, description="factor of each pooling along each axis; for volumes: from the voxel size"
    )

    @field_validator("pooling")
    @classmethod
    def _one_for_each_level(cls, value: Pooling | None, info: ValidationInfo) -> Pooling | None:
        return check_pooling(value, info.data.get("depth"))


def _geometry(arguments: LUNetArguments, dims: int) -> Geometry:
    return encoder_decoder_geometry(
        arguments.depth,
        dims,
        padded=arguments.padding == "same",
        pooling=arguments.pooling,
    )


LUNET = NetworkSpec(
    name="lunet",
    title="LUnet (flat U-Net)",
    paper="arXiv:2512.03834",
    when="When the model must be small, or the images are few and in 3D; it saves parameters "
    "rather than time.",
    dims=(2, 3),
    arguments=LUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.lunet:LUNet",
    tiny={"width": 2, "depth": 2},
)
