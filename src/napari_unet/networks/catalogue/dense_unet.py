"""``dense_unet``: what is known of it without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.reach import Span, contracted, convolved, joined, reach, transposed
from napari_unet.networks.spec import Arguments, FactsAt, NetworkSpec

PUBLISHED = {
    56: ((4, 4, 4, 4, 4, 4), 12),
    67: ((5, 5, 5, 5, 5, 5), 16),
    103: ((4, 5, 7, 10, 12, 15), 16),
}
"""Layers of each dense block, from the first to the lowest, and growth, by layers in all."""


class DenseUNetArguments(Arguments):
    """Arguments of ``dense_unet``."""

    width: int = Field(48, ge=1, le=1024, description="channels of the first convolution")
    layers: Literal[56, 67, 103] = Field(103, description="which network of the paper")
    blocks: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (), description="layers of each dense block down to the lowest; empty: as in the paper"
    )
    growth: int = Field(0, ge=0, le=1024, description="channels a layer adds; 0: as in the paper")
    dropout: float = Field(0.2, ge=0, lt=1)

    @field_validator("blocks")
    @classmethod
    def _at_least_one_pooling(cls, blocks: tuple[int, ...]) -> tuple[int, ...]:
        if blocks and not 2 <= len(blocks) <= 8:
            raise ValueError("give two to eight dense blocks, the last being the lowest")
        return blocks


def blocks_and_growth(
    layers: int, blocks: Sequence[int], growth: int
) -> tuple[tuple[int, ...], int]:
    """``blocks`` and ``growth``, those of the paper's network of ``layers`` where not given."""
    published, usual = PUBLISHED[layers]
    return tuple(blocks) or published, growth or usual


def _geometry(arguments: DenseUNetArguments, dims: int) -> Geometry:
    blocks, _ = blocks_and_growth(arguments.layers, arguments.blocks, arguments.growth)
    # The first convolution belongs to the level of the first block, but not to its way up.
    down = (blocks[0] + 1, *blocks[1:])

    def needs(span: Span) -> Span:
        seen = []
        for level, count in enumerate(blocks[:-1]):
            span = convolved(span, count)
            seen.append(contracted(span, down[: level + 1]))
            span = transposed(span, 3, 2, 1)
        return joined(*seen, contracted(span, down))

    stride = 2 ** (len(blocks) - 1)
    return Geometry(
        stride=(stride,) * dims,
        reach=(reach(needs, stride),) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


DENSE_UNET = NetworkSpec(
    name="dense_unet",
    title="Dense U-Net (FC-DenseNet)",
    paper="arXiv:1611.09326",
    when="When few parameters should do much and time and memory are there: each layer computes "
    "little, but on ever more maps.",
    dims=(2, 3),
    arguments=DenseUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.dense_unet:DenseUNet",
    live={"width": 24, "blocks": (2, 2, 3, 3), "growth": 12, "dropout": 0.0},
    tiny={"width": 3, "blocks": (1, 2, 1), "growth": 2},
    facts_at=FactsAt(channels=3, classes=11),
)
