"""``unet_reduced_skip``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, NetworkSpec


class UNetReducedSkipArguments(Arguments):
    """Arguments of ``unet_reduced_skip``."""

    width: int = Field(32, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    norm: Literal["none", "batch"] = "batch"


def _geometry(arguments: UNetReducedSkipArguments, dims: int) -> Geometry:
    """That of a U-Net: what the aggregated map adds reaches less far than the lowest level."""
    return encoder_decoder_geometry(arguments.depth, dims, padded=True)


UNET_REDUCED_SKIP = NetworkSpec(
    name="unet_reduced_skip",
    title="UNet-- (reduced skip connections)",
    paper="arXiv:2412.18276",
    when="When a model must run where memory is short: it holds less than a tenth of a U-Net's "
    "maps for its skip connections, and may lose fine detail; training takes no less; "
    "reconstructed.",
    dims=(2, 3),
    arguments=UNetReducedSkipArguments,
    geometry=_geometry,
    module="napari_unet.networks.unet_reduced_skip:UNetReducedSkip",
    live={"width": 16},
    tiny={"width": 2, "depth": 2},
)
