"""``unetpp``: what is known of it without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.spec import Arguments, NetworkSpec


class UNetPlusPlusArguments(Arguments):
    """Arguments of ``unetpp``; the defaults are the paper's."""

    width: int = Field(32, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    norm: Literal["none", "batch"] = "none"
    dropout: float = Field(0.5, ge=0, lt=1)
    deep_supervision: bool = Field(True, description="a head on each x^{0,j}, not on the last only")
    mode: Literal["accurate", "fast"] = Field(
        "accurate", description="predict with the mean of the heads, or with one and no more work"
    )
    level: int = Field(4, ge=1, le=7, description="head of the mode fast", validate_default=True)

    @field_validator("level")
    @classmethod
    def _has_a_head(cls, level: int, info: ValidationInfo) -> int:
        depth = info.data.get("depth", level)
        first = 1 if info.data.get("deep_supervision", True) else depth
        if info.data.get("mode") == "fast" and not first <= level <= depth:
            where = f"from 1 to {depth}" if first == 1 else f"only at {depth}"
            raise ValueError(f"there are heads {where}")
        return level


def _geometry(arguments: UNetPlusPlusArguments, dims: int) -> Geometry:
    """Of a U-Net: its path is the longest. A pruned one reaches less far.

    It keeps the stride, a multiple of its own, because all of it goes on being trained.
    """
    whole = encoder_decoder_geometry(arguments.depth, dims, padded=True)
    if arguments.mode == "accurate":
        return whole
    pruned = encoder_decoder_geometry(arguments.level, dims, padded=True)
    return Geometry(stride=whole.stride, reach=pruned.reach, border=whole.border, base=whole.base)


UNETPP = NetworkSpec(
    name="unetpp",
    title="UNet++",
    paper="arXiv:1807.10165",
    when="When what may be a little accuracy is worth two to three times the work of a U-Net, or "
    "when a trained model must be made faster afterwards without training it anew.",
    dims=(2, 3),
    arguments=UNetPlusPlusArguments,
    geometry=_geometry,
    module="napari_unet.networks.unetpp:UNetPlusPlus",
    live={"width": 16, "depth": 3, "norm": "batch", "dropout": 0.0, "level": 3},
    tiny={"width": 2, "depth": 2, "level": 2},
)
