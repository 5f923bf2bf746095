"""What all messages are made of. Free of torch; :mod:`napari_unet.engine.protocol` names it too."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Box = tuple[tuple[int, int], ...]
"""((start, stop), ...) by spatial axis."""
Index = tuple[int, ...]
"""Position along the leading (non-spatial, non-channel) axes; () for a single plane."""


class Message(BaseModel):
    # A loss may be NaN or infinite, which must not arrive as null.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ArrayRef(Message):
    """Where an array lies. ``npy``: memory-mapped file; ``zarr``: a zarr array or group member."""

    kind: Literal["npy", "zarr"]
    path: str
    component: str = ""


class ClassInfo(Message):
    name: str
    color: str
