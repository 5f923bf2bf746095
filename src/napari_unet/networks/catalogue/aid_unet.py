"""``aid_unet``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_unet.networks.geometry import Geometry
from napari_unet.networks.spec import Arguments, NetworkSpec


class AIDUNetArguments(Arguments):
    """Arguments of ``aid_unet``."""

    width: int = Field(32, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings of the direct path")
    sub_depth: int = Field(
        1, ge=1, le=7, description="levels that the sub paths go up and down again"
    )
    norm: Literal["none", "batch"] = "batch"
    dropout: float = Field(0.1, ge=0, le=0.3, description="at full resolution; more further down")

    @field_validator("sub_depth")
    @classmethod
    def _at_most_depth(cls, sub_depth: int, others: ValidationInfo) -> int:
        depth = others.data.get("depth")
        if depth is not None and sub_depth > depth:
            raise ValueError(f"sub paths cannot go up more levels than there are poolings, {depth}")
        return sub_depth


def _geometry(arguments: AIDUNetArguments, dims: int) -> Geometry:
    stride = 2**arguments.depth
    return Geometry(
        stride=(stride,) * dims,
        reach=(_reach(arguments.depth, arguments.sub_depth),) * dims,
        border=(0,) * dims,
        base=(stride,) * dims,
    )


def _reach(depth: int, sub_depth: int) -> int:
    """Followed back along the longest path, for each pixel of a stride.

    No formula, for the sub paths do not begin where the poolings have tied pixels together: what
    an odd number of pixels is upsampled from is rounded outwards.
    """
    reach = 0
    for pixel in range(2**depth):
        first = last = pixel
        level = 0
        for target in (depth, depth - sub_depth, depth, 0):
            while level != target:
                first, last = first - 2, last + 2  # the block of this level
                if level < target:  # back through an up-convolution
                    first, last, level = first // 2, last // 2, level + 1
                else:  # back through a pooling
                    first, last, level = 2 * first, 2 * last + 1, level - 1
        first, last = first - 2, last + 2
        reach = max(reach, pixel - first, last - pixel)
    return reach


AID_UNET = NetworkSpec(
    name="aid_unet",
    title="AID-U-Net",
    paper="doi:10.3390/diagnostics12122952",
    when="To try a second look at the coarse levels at fewer parameters than a deeper U-Net; "
    "reconstructed, for the authors published no code under this name.",
    dims=(2, 3),
    arguments=AIDUNetArguments,
    geometry=_geometry,
    module="napari_unet.networks.aid_unet:AIDUNet",
    live={"width": 16, "depth": 3, "sub_depth": 1, "dropout": 0.0},
    tiny={"width": 2, "depth": 1, "sub_depth": 1},
)
