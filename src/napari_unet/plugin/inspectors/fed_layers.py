"""Pieces of the training as layers: the deformed grid on the image, the pieces beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import ClassInfo
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry

COLUMNS = 3
GAP = 8
"""Pixels between the pieces of a mosaic."""


def show_lines(
    viewer: Any, entry: ImageEntry, index: Sequence[int], lines: npt.NDArray[Any]
) -> Any:
    """``<image>: fed grid``: lines (line, point, 2) of the deformed grid on plane ``index``."""
    leading = np.broadcast_to(np.array(index, float), (*lines.shape[:2], len(index)))
    paths = list(np.concatenate([leading, lines], -1))
    layer = derived.find(viewer, entry, "fed grid")
    active = viewer.layers.selection.active
    if layer is None:
        layer = viewer.add_shapes(
            paths,
            shape_type="path",
            edge_color="#ffd400",
            face_color="transparent",
            edge_width=max(1.0, min(entry.image.spatial_shape) / 300),
            name=f"{entry.name}: fed grid",
            metadata=derived.note(entry, "fed grid"),
            **derived.placement(entry),
        )
    else:
        layer.data = []
        layer.add_paths(paths, edge_color="#ffd400", edge_width=layer.current_edge_width)
    layer.selected_data = set()
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active
    return layer


def show_mosaic(
    viewer: Any, entry: ImageEntry, arrays: dict[str, Any], classes: Sequence[ClassInfo]
) -> None:
    """``<image>: fed image``, ``fed labels``, ``fed weights``: all pieces, right of the image."""
    images, labels, weights = arrays["images"], arrays["classes"], arrays["weights"]
    side = images.shape[-2:]
    border = [(a - b) // 2 for a, b in zip(side, labels.shape[-2:], strict=True)]
    pad = (
        (0, 0),
        *((b, a - n - b) for a, b, n in zip(side, border, labels.shape[1:], strict=True)),
    )
    shown = np.where(labels == 255, 0, labels).astype(np.uint8)
    place = derived.placement(entry)
    scale, start = place["scale"][-2:], list(place["translate"][-2:])
    start[1] += scale[1] * (entry.image.spatial_shape[-1] + GAP)
    common = {"scale": scale, "translate": start, "units": place["units"][-2:]}
    colors = derived.colormap({i: c.color for i, c in enumerate(classes) if i})
    for role, data, add, more in (
        (
            "fed image",
            images[:, 0],
            viewer.add_image,
            {"colormap": "gray", "contrast_limits": (-1, 1)},
        ),
        (
            "fed weights",
            np.pad(weights, pad),
            viewer.add_image,
            {"colormap": "hot", "blending": "additive", "visible": False},
        ),
        ("fed labels", np.pad(shown, pad), viewer.add_labels, {"colormap": colors, "opacity": 0.5}),
    ):
        old = derived.find(viewer, entry, role)
        if old is not None:
            viewer.layers.remove(old)
        active = viewer.layers.selection.active
        add(
            mosaic(data),
            name=f"{entry.name}: {role}",
            metadata=derived.note(entry, role),
            **more,
            **common,
        )
        if active is not None and active in viewer.layers:
            viewer.layers.selection.active = active


def mosaic(pieces: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pieces (n, y, x) in rows of ``COLUMNS``, with gaps."""
    count, height, width = pieces.shape
    rows = -(-count // COLUMNS)
    out = np.zeros((rows * (height + GAP) - GAP, COLUMNS * (width + GAP) - GAP), pieces.dtype)
    for number, piece in enumerate(pieces):
        y, x = number // COLUMNS * (height + GAP), number % COLUMNS * (width + GAP)
        out[y : y + height, x : x + width] = piece
    return out
