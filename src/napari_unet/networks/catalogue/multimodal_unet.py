"""``multimodal_unet``: what is known of it without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec


class MultimodalUNetArguments(Arguments):
    """Arguments of ``multimodal_unet``."""

    width: int = Field(32, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    groups: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="channels of each modality; empty: each channel is one"
    )
    norm: Literal["none", "batch"] = "batch"
    modality_dropout: float = Field(
        0.2, ge=0, lt=1, description="how often training leaves a modality out"
    )


def _geometry(arguments: MultimodalUNetArguments, dims: int) -> Geometry:
    return encoder_decoder_geometry(arguments.depth, dims, padded=True)


MULTIMODAL_UNET = NetworkSpec(
    name="multimodal_unet",
    title="Multi-modal U-Net",
    paper="arXiv:1811.07407",
    when="When the channels are different kinds of image (stains, MR sequences), above all when "
    "some images lack one; time and memory grow with their number.",
    dims=(2, 3),
    arguments=MultimodalUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.multimodal_unet:MultimodalUNet",
    live={"width": 16},
    tiny={"width": 2, "depth": 2, "modality_dropout": 0.0},
    facts_at=FactsAt(channels=4),
    takes_missing=True,
)
