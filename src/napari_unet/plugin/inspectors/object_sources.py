"""What the Objects dock may start from, and what it must know of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import Viewer

from napari_unet.errors import UserError
from napari_unet.measurements.scoring import guess_truth_kind
from napari_unet.measurements.sources import Source
from napari_unet.measurements.table import Scale
from napari_unet.plugin import derived
from napari_unet.plugin.inspectors.places import unit_of

PREVIEW, KEPT = "objects preview", "kept objects"
"""Roles of the dock's own layer."""


def is_source(layer: Any) -> bool:
    """Labels that are not our own preview, or a picture of probabilities."""
    if derived.role(layer) in (PREVIEW, "errors") or getattr(layer, "multiscale", False):
        return False
    kind = layer._type_string
    floats = kind == "image" and not layer.rgb and np.dtype(layer.dtype).kind == "f"
    return bool(kind == "labels" or floats)


def is_grey(layer: Any) -> bool:
    """An image whose brightness can be measured."""
    return layer._type_string == "image" and not layer.rgb and not layer.multiscale


def kind_of(layer: Any) -> str:
    """ "objects" or "classes": what a Labels layer says of itself, or looks like."""
    own = layer.metadata.get(derived.KEY)
    role, kind = (own.get("role"), own.get("kind")) if isinstance(own, dict) else (None, None)
    if role in ("objects", KEPT) or kind == "objects":
        return "objects"
    if role == "prediction":
        return "classes"
    # One plane is enough to tell, and a large stack is not read here.
    plane = layer.data[(0,) * (layer.ndim - 2)]
    return guess_truth_kind(np.asarray(plane))


def scale_of(layer: Any, dims: int) -> Scale:
    """Size of a pixel in the unit of x."""
    unit, factors = unit_of(layer, dims)
    spacing = np.abs(np.asarray(layer.scale[-dims:], float)) * factors
    if not (spacing > 0).all():
        raise UserError(f"{layer.name} has a scale that is not positive: set its pixel size.")
    offset = np.asarray(layer.translate[-dims:], float) * factors
    return Scale(tuple(map(float, spacing)), tuple(map(float, offset)), unit)


def on_screen(viewer: Viewer, layer: Any, source: Source, dropped: int) -> tuple[int, ...]:
    """The frame that the sliders show; it is made first."""
    world = np.asarray(viewer.dims.point, float)[-layer.ndim :]
    position = np.asarray(layer.world_to_data(world), float)[dropped:]
    return tuple(
        int(np.clip(round(float(p)), 0, n - 1))
        for p, n in zip(position, source.leading, strict=False)
    )


def image_name(layer: Any) -> str:
    """The image that a layer of ours belongs to, else its own name."""
    own = layer.metadata.get(derived.KEY)
    return str(own.get("image", layer.name)) if isinstance(own, dict) else str(layer.name)
