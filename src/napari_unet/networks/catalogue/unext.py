"""``unext``: what is known of it without torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, convolved, interpolated, joined, pooled, reach
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

Multiple = Annotated[int, Field(ge=1, le=256)]
STRIDE = 32


class UNeXtArguments(Arguments):
    """Arguments of ``unext``; the defaults are the paper's."""

    width: int = Field(16, ge=1, le=1024, description="channels of the first level")
    multiples: tuple[Multiple, Multiple, Multiple, Multiple, Multiple] = Field(
        (1, 2, 8, 10, 16), description="of the width, by level"
    )
    shifts: int = Field(5, ge=1, le=31, description="groups of channels that are shifted, odd")

    @field_validator("shifts")
    @classmethod
    def _has_a_middle(cls, shifts: int) -> int:
        if shifts % 2 == 0:
            raise ValueError("give an odd number")
        return shifts


def _geometry(arguments: UNeXtArguments, dims: int) -> Geometry:
    """Normalisations of tokens and shifts are local: tiles are exact."""
    farthest = reach(lambda span: _needs(arguments.shifts, span), STRIDE)
    return Geometry(
        stride=(STRIDE,) * dims,
        reach=(farthest,) * dims,
        border=(0,) * dims,
        base=(STRIDE,) * dims,
    )


def _needs(shifts: int, output: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""

    def tokens(span: Span) -> Span:
        # A shift along each axis, and a depthwise 3x3 convolution along both.
        return convolved(span, shifts // 2 + 1)

    def contracting(level: int, span: Span) -> Span:
        """``level`` is that of the map: its pixels are 2^level of the input."""
        if level == 0:
            return span
        if level > 3:
            first, last = tokens(span)
            return contracting(level - 1, (2 * first - 1, 2 * last + 1))
        return contracting(level - 1, convolved(pooled(span), 1))

    def expansive(level: int, span: Span) -> Span:
        if level == 5:
            return contracting(5, span)
        below = convolved(interpolated(tokens(span) if level in (3, 4) else span), 1)
        if level == 0:
            return expansive(1, below)
        joint = tokens(span) if level in (3, 4) else span
        return joined(contracting(level, joint), expansive(level + 1, below))

    return expansive(0, output)


UNEXT = NetworkSpec(
    name="unext",
    title="UNeXt",
    paper="arXiv:2203.04967",
    when="When prediction must be fast and outlines may be smooth: next to nothing is computed at "
    "full resolution, and thin structures suffer from it.",
    dims=(2,),
    arguments=UNeXtArguments,
    geometry=_geometry,
    module="napari_unet.networks.unext:UNeXt",
    tiny={"width": 2, "multiples": (1, 2, 3, 3, 4), "shifts": 3},
    facts_at=FactsAt(size=(256, 256), channels=3, classes=1),
)
