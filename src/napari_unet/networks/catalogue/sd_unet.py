"""``sd_unet``: what is known of it without torch."""

from __future__ import annotations

from pydantic import Field

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, convolved, joined, pooled, reach
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec


class SDUNetArguments(Arguments):
    """Arguments of ``sd_unet``."""

    width: int = Field(64, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    groups: int = Field(32, ge=1, le=1024, description="groups of a normalisation, at most")
    dropout: float = Field(0.5, ge=0, lt=1)
    standardised: bool = Field(
        True, description="whether depthwise filters have mean 0 and variance 1, as in the paper"
    )


def _geometry(arguments: SDUNetArguments, dims: int) -> Geometry:
    """Its reach is that of the convolutions; the statistics of the groups are those of it all.

    A single pixel has no statistics: the lowest level has two at least.
    """
    stride = 2**arguments.depth
    farthest = reach(lambda span: _needs(arguments.depth, span), stride)
    return Geometry(
        stride=(stride,) * dims,
        reach=(farthest,) * dims,
        border=(0,) * dims,
        base=(2 * stride,) * dims,
        tile_exact=False,
    )


def _needs(depth: int, output: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""

    def contracting(level: int, span: Span) -> Span:
        for _ in range(level):
            span = pooled(convolved(span, 2))
        return convolved(span, 2)

    def expansive(level: int, span: Span) -> Span:
        if level == depth:
            return contracting(depth, span)
        span = convolved(span, 2)
        first, last = convolved(span, 1)
        return joined(contracting(level, span), expansive(level + 1, (first // 2, last // 2)))

    return expansive(0, output)


SD_UNET = NetworkSpec(
    name="sd_unet",
    title="SD-UNet",
    paper="doi:10.3390/diagnostics10020110",
    when="When the model file must be small and batches are of one image; an eighth of the "
    "parameters of U-Net, but not eight times its speed.",
    dims=(2, 3),
    arguments=SDUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.sd_unet:SDUNet",
    # Standardised, they cannot pass on how bright a region is: it learns in minutes, not seconds.
    live={"width": 16, "depth": 4, "groups": 8, "dropout": 0.0, "standardised": False},
    tiny={"width": 4, "depth": 2, "groups": 2},
    facts_at=FactsAt(classes=1),
)
