"""``cmunext``: what is known of it without torch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, convolved, interpolated, joined, pooled, reach
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

Multiple = Annotated[int, Field(ge=1, le=256)]
Count = Annotated[int, Field(ge=0, le=32)]
Kernel = Annotated[int, Field(ge=1, le=31)]


class CMUNeXtArguments(Arguments):
    """Arguments of ``cmunext``; the defaults are the paper's. The last three are by level."""

    width: int = Field(16, ge=1, le=1024, description="channels at full resolution")
    multiples: tuple[Multiple, ...] = Field(
        (1, 2, 8, 10, 16), min_length=2, max_length=8, description="of the width, by level"
    )
    blocks: tuple[Count, ...] = Field((1, 1, 1, 3, 1), description="large-kernel blocks, by level")
    kernels: tuple[Kernel, ...] = Field((3, 3, 7, 7, 7), description="sides of kernels, by level")

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        if not len(self.multiples) == len(self.blocks) == len(self.kernels):
            raise ValueError("multiples, blocks and kernels need one number for each level")
        if self.multiples[0] != 1:
            raise ValueError("the first of multiples is 1, the level of full resolution")
        if not all(kernel % 2 for kernel in self.kernels):
            raise ValueError("sides of kernels are odd")
        return self


def _geometry(arguments: CMUNeXtArguments, dims: int) -> Geometry:
    stride = 2 ** (len(arguments.multiples) - 1)
    farthest = reach(lambda span: _needs(arguments, span), stride)
    return Geometry(
        stride=(stride,) * dims,
        reach=(farthest,) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


def _needs(arguments: CMUNeXtArguments, output: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""
    radii = [n * (k // 2) + 1 for n, k in zip(arguments.blocks, arguments.kernels, strict=True)]
    radii[0] += 1  # the first convolution

    def contracting(level: int, span: Span) -> Span:
        span = convolved(span, radii[level])
        return contracting(level - 1, pooled(span)) if level else span

    def expansive(level: int, span: Span) -> Span:
        if level == len(radii) - 1:
            return contracting(level, span)
        span = convolved(span, 1)
        below = interpolated(convolved(span, 1))
        return joined(contracting(level, span), expansive(level + 1, below))

    return expansive(0, output)


CMUNEXT = NetworkSpec(
    name="cmunext",
    title="CMUNeXt",
    paper="arXiv:2308.01239",
    when="When a pixel must see far and the machine is small; a comparison by its own authors "
    "(U-Bench) ranks it among the first for accuracy at little effort.",
    dims=(2, 3),
    arguments=CMUNeXtArguments,
    geometry=_geometry,
    module="napari_unet.networks.cmunext:CMUNeXt",
    live={
        "width": 8,
        "multiples": (1, 2, 4, 8, 16),
        "blocks": (1, 1, 1, 1, 1),
        "kernels": (3, 3, 7, 7, 9),
    },
    tiny={"width": 2, "multiples": (1, 2), "blocks": (0, 2), "kernels": (3, 5)},
    facts_at=FactsAt(size=(256, 256), channels=3, classes=1),
)
