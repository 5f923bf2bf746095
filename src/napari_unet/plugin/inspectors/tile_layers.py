"""What a tile saw as layers that lie where the tile lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.transforms import Affine

from napari_unet.engine.protocol import ClassInfo
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry

SHOWN = ("effective", "loss")
"""Visible when they first come; the others wait in the list."""
GREYS: dict[str, dict[str, Any]] = {
    "input": {"colormap": "gray", "contrast_limits": (-1, 1)},
    "effective": {"colormap": "inferno", "contrast_limits": (0, 1), "blending": "additive"},
    "weights": {"colormap": "hot", "blending": "additive"},
    "probability": {"colormap": "magenta", "contrast_limits": (0, 1), "blending": "additive"},
    "loss": {"colormap": "red", "blending": "additive"},
}


def show_tile(
    viewer: Any,
    entry: ImageEntry,
    index: Sequence[int],
    result: dict[str, Any],
    arrays: dict[str, npt.NDArray[Any]],
    classes: Sequence[ClassInfo],
) -> None:
    """``<image>: tile <what>`` for everything that came, and ``tile fields``: the rectangles of the
    tile's output (yellow), its input (blue) and the receptive field of the pixel (white)."""
    active = viewer.layers.selection.active
    inputs, outputs = result["input"], result["output"]
    gates = {name for name in arrays if name.startswith("gate_")}
    for old in [v for v in viewer.layers if str(derived.role(v)).startswith("tile gate")]:
        if old.metadata[derived.KEY]["role"].split()[-1] not in gates:
            viewer.layers.remove(old)
    for name in ("input", *sorted(gates), "weights", "probability", "target", "loss", "effective"):
        data = arrays.get(name)
        if data is None:
            old = derived.find(viewer, entry, f"tile {name}")
            if old is not None:
                viewer.layers.remove(old)
            continue
        if name == "input":
            data = data[0]
        elif name == "probability":
            data = 1 - data[0]
        box = inputs if name in ("input", "effective") or name in gates else outputs
        _put(viewer, entry, index, name, data, box, classes)
    _fields(viewer, entry, index, result)
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active


def _put(
    viewer: Any,
    entry: ImageEntry,
    index: Sequence[int],
    name: str,
    data: npt.NDArray[Any],
    box: Sequence[Sequence[int]],
    classes: Sequence[ClassInfo],
) -> None:
    place = derived.placement(entry)
    start = [*index, *(a for a, _ in box)]
    linear = {k: place[k] for k in ("scale", "translate", "rotate", "shear") if k in place}
    place["translate"] = [float(v) for v in Affine(**linear, ndim=len(start))(start)]
    data = data.reshape(*(1 for _ in index), *data.shape)
    old = derived.find(viewer, entry, f"tile {name}")
    visible = name in SHOWN
    if old is not None:
        visible = old.visible
        viewer.layers.remove(old)
    common: dict[str, Any] = {
        "name": f"{entry.name}: tile {name}",
        "metadata": derived.note(entry, f"tile {name}"),
        "visible": visible,
        **place,
    }
    if name == "target":
        colors = {i: c.color for i, c in enumerate(classes) if i} | {255: "#404040"}
        viewer.add_labels(data, colormap=derived.colormap(colors), opacity=0.5, **common)
    else:
        grey = GREYS.get(name, {"colormap": "viridis", "contrast_limits": (0, 1)})
        viewer.add_image(data, **grey, **common)


def _fields(viewer: Any, entry: ImageEntry, index: Sequence[int], result: dict[str, Any]) -> None:
    corners = []
    for name in ("input", "output", "receptive_field"):
        (top, bottom), (left, right) = result[name]
        box = [(top, left), (top, right), (bottom, right), (bottom, left)]
        corners.append(np.array([[*index, *(np.array(c) - 0.5)] for c in box], float))
    old = derived.find(viewer, entry, "tile fields")
    visible = True
    if old is not None:
        visible = old.visible
        viewer.layers.remove(old)
    viewer.add_shapes(
        corners,
        shape_type="rectangle",
        edge_color=["#4aa3ff", "#ffd400", "#ffffff"],
        face_color="transparent",
        edge_width=max(1.0, min(entry.image.spatial_shape) / 300),
        name=f"{entry.name}: tile fields",
        features={"part": ["input", "output", "receptive field"]},
        metadata=derived.note(entry, "tile fields"),
        visible=visible,
        **derived.placement(entry),
    )
