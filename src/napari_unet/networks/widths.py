"""Channels layer by layer, for networks that were pruned. Free of torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

WIDTHS = "channels after each convolution of a pruned network; empty: as width says"
"""Description of the argument ``widths``."""


def number_of_layers(depth: int) -> int:
    """Convolutions of an encoder-decoder with ``depth`` poolings, without its head.

    Two a level of the contracting path; an up-convolution and two a level of the expansive one.
    """
    return 2 * (depth + 1) + 3 * depth


def _fit_depth(widths: tuple[int, ...], others: ValidationInfo) -> tuple[int, ...]:
    depth = others.data.get("depth")
    if widths and depth is not None and len(widths) != number_of_layers(depth):
        raise ValueError(
            f"a network with {depth} poolings has {number_of_layers(depth)} layers, not "
            f"{len(widths)}"
        )
    return widths


Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65536)], ...],
    AfterValidator(_fit_depth),
]
"""Channels after each convolution, in the order in which an image meets them, without the head.

Contracting path from full resolution down, two numbers a level; then for each level from the lowest
but one up: up-convolution, first and second convolution. A field of this type must stand behind
``depth``.
"""
