"""``<image>: overview``: a prediction at a coarser level of the pyramid, until there is a better.

The network has learned at full resolution. On coarser pixels it sees another image: things are
smaller, fine ones are gone. So this is a first look and never the result; layer and status bar say
so, corrections and scores do not use it, and full resolution replaces it piece by piece.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import Box, ClassInfo, Index
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.visible import View

ROLE = "overview"


def says(view: View) -> str:
    """What this is, in a few words."""
    return (
        f"overview: pixels {_times(view)} as large as those the network learned on; "
        "zoom in for the real prediction"
    )


def _times(view: View) -> str:
    times = sorted({f"{f:.3g}" for f in view.factor})
    return f"{' x '.join(times)} times"


def show(
    viewer: Any,
    entry: ImageEntry,
    view: View,
    classes: npt.NDArray[np.uint8],
    infos: list[ClassInfo],
) -> Any:
    """Show class indices (y, x) of a view, in place of an earlier overview."""
    remove(viewer, entry)
    active = viewer.layers.selection.active
    names = [c.name for c in infos]
    note = derived.note(
        entry,
        ROLE,
        index=view.index,
        level=view.level,
        factor=view.factor,
        box=view.box,
        classes=names,
        says=says(view),
    )
    layer = viewer.add_labels(
        classes[(np.newaxis,) * len(view.index)],
        name=f"{entry.name}: overview at 1:{max(view.factor):.3g}",
        colormap=derived.colormap({i: c.color for i, c in enumerate(infos) if i > 0}),
        opacity=0.45,
        metadata=note,
        features={
            "index": list(range(len(names))),
            "class": names,
            "this is an": [says(view)] * len(names),
        },
        **_placement(entry, view),
    )
    better = derived.find(viewer, entry, "prediction")
    if better is not None:
        viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(better))
    if active is not None:
        viewer.layers.selection.active = active
    return layer


def _placement(entry: ImageEntry, view: View) -> dict[str, Any]:
    """Where the image lies, with larger pixels that begin at the corner of the view."""
    from napari.utils.transforms import Affine

    placed = derived.placement(entry)
    start = [*view.index, *(a * f for (a, _), f in zip(view.box, view.factor, strict=True))]
    linear = {k: placed[k] for k in ("scale", "translate", "rotate", "shear") if k in placed}
    placed["translate"] = [float(v) for v in Affine(**linear, ndim=len(start))(start)]
    factors = [1.0] * len(view.index) + list(view.factor)
    placed["scale"] = [s * f for s, f in zip(placed["scale"], factors, strict=True)]
    return placed


def replaced(viewer: Any, entry: ImageEntry, index: Index, box: Box) -> None:
    """There is full resolution in ``box`` now: the overview does not shine through it."""
    layer = derived.find(viewer, entry, ROLE)
    if layer is None or tuple(layer.metadata[derived.KEY]["index"]) != tuple(index):
        return
    own = layer.metadata[derived.KEY]
    place = []
    for (a, b), (start, stop), f in zip(box, own["box"], own["factor"], strict=True):
        # A pixel that the box only touches goes too: what is real comes first.
        low, high = max(0, math.floor(a / f) - start), min(stop, math.ceil(b / f)) - start
        if low >= high:
            return
        place.append(slice(low, high))
    layer.data[(0,) * len(index) + tuple(place)] = 0
    layer.refresh(thumbnail=False, extent=False, highlight=False)


def remove(viewer: Any, entry: ImageEntry) -> None:
    """The whole image is there at full resolution."""
    layer = derived.find(viewer, entry, ROLE)
    if layer is not None:
        viewer.layers.remove(layer)
