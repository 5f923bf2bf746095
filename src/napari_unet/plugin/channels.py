"""Images whose channels lie between other axes, such as tzcyx: napari lines up the last axes of
layers, so labels (tzyx) would slip by one. A view of the image with its channels first is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unet.plugin.images import layer_data

KEY = "napari_unet"


def needs_channels_first(axes: str) -> bool:
    """Whether another axis than the channels comes before them, and y and x after."""
    return "c" in axes[1:-1]


def channels_first(viewer: Any, layer: Any, axes: str) -> Any:
    """An Image layer with the same pixels and the channels first, made if it is not there yet."""
    about = {"channels_first_of": str(layer.name)}
    for other in viewer.layers:
        own = other.metadata.get(KEY)
        if isinstance(own, dict) and own == about:
            return other
    place = axes.index("c")
    order = [place, *(i for i in range(len(axes)) if i != place)]
    data = layer_data(layer)
    if not isinstance(data, np.ndarray):
        import dask.array as da

        data = data if isinstance(data, da.Array) else da.from_array(data)
    active = viewer.layers.selection.active
    made = viewer.add_image(
        data.transpose(order),
        rgb=False,
        name=f"{layer.name}: channels first",
        scale=[layer.scale[i] for i in order],
        translate=[layer.translate[i] for i in order],
        units=[layer.units[i] for i in order],
        axis_labels=[axes[i] for i in order],
        colormap=layer.colormap,
        contrast_limits=layer.contrast_limits,
        metadata={KEY: about},
    )
    layer.visible = False
    if active is not None and active is not layer:
        viewer.layers.selection.active = active
    return made
