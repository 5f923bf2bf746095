"""Labels that the session knows: what was painted goes to the journal and to the engine at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import Finding, check_labels
from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import ArrayRef, ClassInfo, Index, SetLabels
from napari_unet.errors import UserError
from napari_unet.plugin.derived import colormap, note, placement
from napari_unet.plugin.images import ImageEntry


@dataclass(eq=False)
class LabelEntry:
    """A Labels layer in use. ``sent`` is the file that engine and journal are level with."""

    entry: ImageEntry
    layer: Any = field(repr=False)
    kind: LabelKind
    ref: ArrayRef
    sent: npt.NDArray[Any] = field(repr=False)
    regions_ref: ArrayRef
    regions: npt.NDArray[np.uint8] = field(repr=False)
    project_id: str | None = None
    regions_project_id: str | None = None
    dirty: set[Index] = field(default_factory=set)
    painted: set[Index] = field(default_factory=set)
    """Planes in the layer's undo history: undoing does not say which of them it changes."""
    touched: float = 0.0

    def planes(self) -> list[Index]:
        return list(self.entry.image.indices())

    def command(self) -> SetLabels:
        return SetLabels(
            image=self.entry.id, array=self.ref, kind=self.kind, regions=self.regions_ref
        )


def colors_of(kind: LabelKind, classes: list[ClassInfo]) -> Any | None:
    """Colormap of a Labels layer; None where napari's own, by id, is right."""
    if kind == "objects":
        return None
    first = 1 if kind == "scribbles" else 0
    return colormap({i + first: c.color for i, c in enumerate(classes) if i + first > 0})


def new_layer(viewer: Any, entry: ImageEntry, kind: LabelKind, classes: list[ClassInfo]) -> Any:
    """An empty Labels layer beside an image, ready to be painted on."""
    colors = colors_of(kind, classes)
    arguments = {} if colors is None else {"colormap": colors}
    layer = viewer.add_labels(
        np.zeros(entry.shape, np.int32 if kind == "objects" else np.uint8),
        name=f"{entry.name}: labels",
        opacity=0.7,
        metadata=note(entry, "labels", kind=kind),
        **arguments,
        **placement(entry),
    )
    layer.brush_size = max(3, round(min(entry.image.spatial_shape) / 80))
    layer.selected_label = 1
    layer.mode = "paint"
    return layer


def examine(
    data: npt.NDArray[Any], entry: ImageEntry, kind: LabelKind
) -> tuple[Any, list[Finding]]:
    """Labels repaired where that is safe, and what a person should know about them.

    Raises
    ------
    UserError
        They cannot be used as ``kind``; the sentence says why.
    """
    if data.shape != entry.shape:
        raise UserError(
            f"The labels have the size {_times(data.shape)}, {entry.name} has "
            f"{_times(entry.shape)}: they must be equal."
        )
    repaired, findings = check_labels(data, kind, data.shape)
    errors = [f for f in findings if f.level == "error" and f.code != "empty"]
    if errors:
        raise UserError(errors[0].message)
    return repaired, findings


def attach(engine: EngineClient, entry: ImageEntry, layer: Any, kind: LabelKind) -> LabelEntry:
    """Allocate what engine and journal compare with, filled with what is painted already."""
    dtype = np.int32 if kind == "objects" else np.uint8
    ref, sent = engine.allocate(entry.shape, dtype)
    regions_ref, regions = engine.allocate(entry.shape, np.uint8)
    data = np.asarray(layer.data)
    sent[...] = data.astype(dtype)
    return LabelEntry(entry, layer, kind, ref, sent, regions_ref, regions)


def changed(entry: LabelEntry, index: Index) -> npt.NDArray[Any] | None:
    """The plane as it was, if it differs from what is painted now; level afterwards."""
    now = np.asarray(entry.layer.data[index])
    if now.dtype != entry.sent.dtype:
        top = np.iinfo(entry.sent.dtype).max
        now = np.clip(now, 0, top).astype(entry.sent.dtype)
    before = entry.sent[index]
    if np.array_equal(before, now):
        return None
    before = np.array(before)
    entry.sent[index] = now
    return before


def rasterise(shapes: Any, entry: ImageEntry) -> npt.NDArray[np.uint8]:
    """Regions drawn in a Shapes layer as a mask of the shape of labels."""
    from skimage.draw import polygon

    mask = np.zeros(entry.shape, np.uint8)
    for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True):
        corners = np.asarray([entry_data(shapes, entry, v) for v in vertices])
        if kind == "ellipse":
            centre, half = corners.mean(0), np.ptp(corners, axis=0) / 2
            angle = np.linspace(0, 2 * np.pi, 64)[:, None]
            ring = np.repeat(centre[None], 64, 0)
            ring[:, -2:] += np.hstack([np.sin(angle), np.cos(angle)]) * half[-2:]
            corners = ring
        index = tuple(
            int(np.clip(round(float(c)), 0, n - 1))
            for c, n in zip(corners[0][:-2], entry.shape, strict=False)
        )
        mask[index][polygon(corners[:, -2], corners[:, -1], entry.shape[-2:])] = 1
    return mask


def entry_data(shapes: Any, entry: ImageEntry, vertex: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A vertex of ``shapes`` in pixels of the labels: both lie in the same place."""
    return np.asarray(vertex, float)[-len(entry.shape) :]


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
