"""``attention_unet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, convolved, interpolated, joined, pooled, reach
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec


class AttentionUNetArguments(Arguments):
    """Arguments of ``attention_unet``; the defaults are those of the authors' code."""

    width: int = Field(16, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=2, le=6, description="number of poolings")
    gates: Literal["none", "single", "multi"] = Field(
        "multi", description="attention gates of each skip connection but the first"
    )
    norm: Literal["none", "batch"] = "batch"


def _geometry(arguments: AttentionUNetArguments, dims: int) -> Geometry:
    stride = 2**arguments.depth
    farthest = reach(lambda span: _needs(arguments, span), stride)
    return Geometry(
        stride=(stride,) * dims,
        reach=(farthest,) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


def _needs(arguments: AttentionUNetArguments, output: Span) -> Span:
    """The pixels of the input, along one axis, that those of the output depend on."""
    depth = arguments.depth

    def contracting(level: int, span: Span) -> Span:
        for _ in range(level):
            span = pooled(convolved(span, 2))
        return convolved(span, 2)

    def skip(level: int, span: Span) -> Span:
        own = contracting(level, span)
        if level == 0 or arguments.gates == "none":
            return own
        grid = interpolated(span)  # of the coefficients, which is that of the gating signal
        return joined(own, contracting(level, pooled(grid)), expansive(level + 1, grid))

    def expansive(level: int, span: Span) -> Span:
        if level == depth:
            return contracting(depth, span)
        span = convolved(span, 2)
        return joined(skip(level, span), expansive(level + 1, interpolated(span)))

    heads = (expansive(n, interpolated(output, 2**n) if n else output) for n in range(depth))
    return joined(*heads)


def _gate_names(arguments: AttentionUNetArguments) -> tuple[str, ...]:
    """One for each gate, finest first, by what a coefficient covers."""
    count = {"none": 0, "single": 1, "multi": 2}[arguments.gates]
    return tuple(
        f"1/{2**level}" + (f" gate {gate + 1}" if count > 1 else "")
        for level in range(1, arguments.depth)
        for gate in range(count)
    )


ATTENTION_UNET = NetworkSpec(
    name="attention_unet",
    title="Attention U-Net",
    paper="arXiv:1804.03999",
    when="When the objects are small in a large, cluttered image, such as an organ in a CT volume, "
    "or to be shown where the network looks; else a plain U-Net is as good and faster.",
    dims=(2, 3),
    arguments=AttentionUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.attention_unet:AttentionUNet",
    live={"width": 16, "depth": 4, "gates": "single", "norm": "batch"},
    # Without batch normalisation, next to which some biases have no gradient but rounding.
    tiny={"width": 2, "depth": 2, "norm": "none"},
    facts_at=FactsAt(size=(96, 160, 160), channels=1, classes=4),
    attention=_gate_names,
)
