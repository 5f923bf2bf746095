"""``lunet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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


def _geometry(arguments: LUNetArguments, dims: int) -> Geometry:
    return encoder_decoder_geometry(arguments.depth, dims, padded=arguments.padding == "same")


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
