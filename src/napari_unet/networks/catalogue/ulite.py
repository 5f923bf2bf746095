"""``ulite``: what is known of it without torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, convolved, joined, pooled, reach
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec


class ULiteArguments(Arguments):
    """Arguments of ``ulite``; the defaults are the paper's."""

    width: int = Field(16, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(5, ge=1, le=7, description="number of poolings")
    kernel: int = Field(7, ge=1, le=31, description="length of the axial convolutions, odd")
    dilations: tuple[Annotated[int, Field(ge=1, le=16)], ...] = Field(
        (1, 2, 3), min_length=1, max_length=8, description="of the bottleneck's convolutions"
    )

    @field_validator("kernel")
    @classmethod
    def _has_a_middle(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("give an odd length")
        return kernel


def _geometry(arguments: ULiteArguments, dims: int) -> Geometry:
    stride = 2**arguments.depth
    farthest = reach(lambda span: _needs(arguments, span), stride)
    return Geometry(
        stride=(stride,) * dims,
        reach=(farthest,) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


def _needs(arguments: ULiteArguments, output: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""
    radius = arguments.kernel // 2

    def contracting(level: int, span: Span) -> Span:
        for _ in range(level):
            span = pooled(convolved(span, radius))
        return convolved(span, 2 * radius)

    def expansive(level: int, span: Span) -> Span:
        if level == arguments.depth:
            # What the lowest pooling gives, widened by the bottleneck.
            span = pooled(convolved(span, max(arguments.dilations)))
            return contracting(level - 1, span)
        first, last = span = convolved(span, radius)
        return joined(contracting(level, span), expansive(level + 1, (first // 2, last // 2)))

    return expansive(0, output)


ULITE = NetworkSpec(
    name="ulite",
    title="U-Lite",
    paper="arXiv:2306.16103",
    when="When the model must be small, far below a million parameters, and see far: long, thin "
    "convolutions along one axis at a time.",
    dims=(2, 3),
    arguments=ULiteArguments,
    geometry=_geometry,
    module="napari_unet.networks.ulite:ULite",
    live={"width": 16, "depth": 4},
    tiny={"width": 2, "depth": 2, "kernel": 3, "dilations": (1, 2)},
    facts_at=FactsAt(size=(256, 256), channels=3, classes=1),
)
