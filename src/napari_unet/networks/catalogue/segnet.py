"""``segnet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, contracted, convolved, pooled, reach, transposed
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

CONVOLUTIONS = (2, 2, 3, 3, 3)
"""3x3 convolutions of each level, in the encoder and again in the decoder."""


class SegNetArguments(Arguments):
    """Arguments of ``segnet``."""

    width: int = Field(64, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(5, ge=1, le=5, description="number of poolings")
    norm: Literal["none", "batch"] = "batch"


def _geometry(arguments: SegNetArguments, dims: int) -> Geometry:
    radii = CONVOLUTIONS[: arguments.depth]

    def needs(span: Span) -> Span:
        for radius in radii:
            # An unpooled value and its place are both those of one cell of the level below.
            span = transposed(convolved(span, radius), 2, 2)
        return contracted(pooled(span), radii)

    stride = 2**arguments.depth
    return Geometry(
        stride=(stride,) * dims,
        reach=(reach(needs, stride),) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


SEGNET = NetworkSpec(
    name="segnet",
    title="SegNet",
    paper="arXiv:1511.00561",
    when="When memory is short at prediction: it keeps the places of maxima and no features; fine "
    "detail is usually better with U-Net.",
    dims=(2, 3),
    arguments=SegNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.segnet:SegNet",
    live={"width": 16, "depth": 4},
    # Without batch normalisation, next to which biases have no gradient but rounding.
    tiny={"width": 2, "depth": 2, "norm": "none"},
    facts_at=FactsAt(channels=3, classes=12),
)
