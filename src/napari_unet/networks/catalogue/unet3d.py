"""``unet3d``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec
from napari_unet.networks.widths import WIDTHS, Widths


class UNet3DArguments(Arguments):
    """Arguments of ``unet3d``; the defaults are those of 2016."""

    width: int = Field(32, ge=1, le=1024, description="channels of the first convolution")
    depth: int = Field(3, ge=1, le=7, description="number of poolings")
    padding: Literal["valid", "same"] = "valid"
    norm: Literal["none", "batch"] = "batch"
    flat: int = Field(
        0, ge=0, description="first levels that work in the plane, for voxels longer along z"
    )
    widths: Widths = Field((), description=WIDTHS)

    @field_validator("flat")
    @classmethod
    def _at_most_depth(cls, flat: int, others: ValidationInfo) -> int:
        depth = others.data.get("depth")
        if depth is not None and flat > depth:
            raise ValueError(f"at most as many levels as poolings, {depth}, can be flat")
        return flat


def _geometry(arguments: UNet3DArguments, dims: int) -> Geometry:
    """Along z, levels that work in the plane change nothing: the rest is a U-Net less deep."""
    padded = arguments.padding == "same"
    z = encoder_decoder_geometry(arguments.depth - arguments.flat, 1, padded=padded)
    plane = encoder_decoder_geometry(arguments.depth, 2, padded=padded)
    return Geometry(
        stride=z.stride + plane.stride,
        reach=z.reach + plane.reach,
        border=z.border + plane.border,
        base=z.base + plane.base,
        whole_strides=(z.whole_strides or ()) + (plane.whole_strides or ()),
    )


UNET3D = NetworkSpec(
    name="unet3d",
    title="3D U-Net",
    paper="arXiv:1606.06650",
    when="For volumes, where neighbouring planes belong together; slow without a GPU. Set flat for "
    "voxels that are longer along z.",
    dims=(3,),
    arguments=UNet3DArguments,
    geometry=_geometry,
    module="napari_unet.networks.unet3d:UNet3D",
    live={"width": 8, "padding": "same"},
    tiny={"width": 2, "depth": 2, "flat": 1},
    # Without batch normalisation, which the paper leaves out of its 19,069,955 parameters.
    facts_at=FactsAt(size=(116, 132, 132), channels=3, classes=3, arguments={"norm": "none"}),
)
