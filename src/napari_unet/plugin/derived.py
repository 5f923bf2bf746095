"""Layers that are made from an image: they lie where it lies, say where they come from, and are
updated in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import Box, ClassInfo, Index
from napari_unet.plugin.images import ImageEntry

KEY = "napari_unet"
"""Where our notes lie in ``layer.metadata``."""


TURNED = ("rotate", "shear", "affine")
"""What lays a layer out beside its scale and position."""


def placement(entry: ImageEntry) -> dict[str, Any]:
    """scale, translate, rotate, shear, affine, units and axis_labels for labels of the image."""
    from napari.utils.transforms import CompositeAffine

    layer, axes = entry.layer, entry.layer_axes()
    # Without channels, which labels do not have; an image is never turned from a channel into y.
    own = CompositeAffine(rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim).set_slice(axes)
    return {
        "scale": [float(layer.scale[a]) for a in axes],
        "translate": [float(layer.translate[a]) for a in axes],
        "rotate": own.rotate,
        "shear": own.shear,
        "affine": layer.affine.set_slice(axes).affine_matrix,
        "units": [layer.units[a] for a in axes],
        "axis_labels": [layer.axis_labels[a] for a in axes],
    }


def follow(viewer: Any, entry: ImageEntry) -> None:
    """The image lies elsewhere now: layers of it that lay as it did go with it.

    Also those that cover a part of it, which are told by their scale and turns alone.
    """
    before, after = entry.placed, placement(entry)
    entry.placed = after
    old, new = _linear(before), _linear(after)
    for layer in viewer.layers:
        own = layer.metadata.get(KEY)
        if not isinstance(own, dict) or own.get("image") != entry.name or layer is entry.layer:
            continue
        if layer.ndim != len(after["scale"]) or not _lies(layer, before):
            continue
        layer.translate = new(old.inverse(layer.translate))
        for name in ("scale", *TURNED, "units"):
            setattr(layer, name, after[name])


def _linear(place: dict[str, Any]) -> Any:
    """From pixels to where they lie, before the affine."""
    from napari.utils.transforms import CompositeAffine

    named = {name: place[name] for name in ("scale", "translate", "rotate", "shear")}
    return CompositeAffine(**named, ndim=len(place["scale"]))


def _lies(layer: Any, place: dict[str, Any]) -> bool:
    """Whether a layer has the scale and the turns of ``place``."""
    affine = np.allclose(layer.affine.affine_matrix, place["affine"])
    others = ("scale", "rotate", "shear")
    return affine and all(np.allclose(getattr(layer, name), place[name]) for name in others)


def note(entry: ImageEntry, role: str, **more: Any) -> dict[str, Any]:
    """Provenance for ``layer.metadata``."""
    return {KEY: {"image": entry.name, "role": role, **more}}


def role(layer: Any) -> str | None:
    """What a layer of ours is for; None for layers of others."""
    own = layer.metadata.get(KEY)
    return own.get("role") if isinstance(own, dict) else None


def find(viewer: Any, entry: ImageEntry, wanted: str) -> Any | None:
    """The layer of ``entry`` with this role, or None."""
    for layer in viewer.layers:
        own = layer.metadata.get(KEY)
        if isinstance(own, dict) and (own.get("image"), own.get("role")) == (entry.name, wanted):
            return layer
    return None


def rename(viewer: Any, entry: ImageEntry) -> None:
    """The image has another name: its layers are named after it again."""
    old, new = entry.known_name, entry.name
    entry.known_name = new
    for layer in viewer.layers:
        own = layer.metadata.get(KEY)
        if isinstance(own, dict) and own.get("image") == old and layer is not entry.layer:
            own["image"] = new
            if layer.name.startswith(f"{old}: "):
                layer.name = new + layer.name[len(old) :]


def colormap(colors: dict[int, str]) -> Any:
    """A colormap of Labels: colours by value, everything else transparent."""
    from napari.utils.colormaps import DirectLabelColormap

    shown: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    return DirectLabelColormap(color_dict=shown | colors)


LARGE = 2**24
"""Pixels of a plane from which its results are shown by levels: napari then draws what is on screen
instead of the whole plane."""


def is_large(entry: ImageEntry) -> bool:
    """Whether the planes of an image are large."""
    return math.prod(entry.image.spatial_shape) > LARGE


def pixels(layer: Any) -> Any:
    """The array of a layer at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def levels(whole: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """``whole`` and coarser views of it (every second pixel, ..): no memory, always current."""
    found = [whole]
    while max(found[-1].shape[-2:]) > 2048:
        found.append(found[-1][..., ::2, ::2])
    return found


def class_layer(viewer: Any, entry: ImageEntry, classes: list[ClassInfo]) -> Any:
    """``<image>: prediction``, class indices; background is not shown."""
    layer = find(viewer, entry, "prediction")
    colors = {i: c.color for i, c in enumerate(classes) if i > 0}
    if layer is None or layer.data.shape != entry.shape:
        layer = _replace(
            viewer,
            layer,
            viewer.add_labels,
            _zeros(entry, np.uint8),
            name=f"{entry.name}: prediction",
            colormap=colormap(colors),
            opacity=0.45,
            metadata=note(entry, "prediction", classes=[c.name for c in classes]),
            **placement(entry),
        )
    elif layer.metadata[KEY].get("classes") != [c.name for c in classes]:
        layer.colormap = colormap(colors)
        layer.metadata[KEY]["classes"] = [c.name for c in classes]
    return layer


def image_layer(viewer: Any, entry: ImageEntry, wanted: str, top: float, cmap: str) -> Any:
    """``<image>: <role>``, float32 of the shape of labels, shown from 0 to ``top``."""
    layer = find(viewer, entry, wanted)
    if layer is None or layer.data.shape != entry.shape:
        layer = _replace(
            viewer,
            layer,
            viewer.add_image,
            _zeros(entry, np.float32),
            name=f"{entry.name}: {wanted}",
            colormap=cmap,
            contrast_limits=(0, top),
            opacity=0.7,
            blending="additive",
            metadata=note(entry, wanted),
            **placement(entry),
        )
    return layer


def object_layer(viewer: Any, entry: ImageEntry) -> Any:
    """``<image>: objects``, ids."""
    layer = find(viewer, entry, "objects")
    if layer is None or layer.data.shape != entry.shape:
        layer = _replace(
            viewer,
            layer,
            viewer.add_labels,
            _zeros(entry, np.int32),
            name=f"{entry.name}: objects",
            opacity=0.6,
            metadata=note(entry, "objects"),
            **placement(entry),
        )
    return layer


def _zeros(entry: ImageEntry, dtype: npt.DTypeLike) -> Any:
    whole = np.zeros(entry.shape, dtype)
    return levels(whole) if is_large(entry) else whole


def put(layer: Any, values: npt.NDArray[Any]) -> None:
    """Another content for the whole of a layer of ours; ``values`` must not change any more."""
    if layer.multiscale:
        layer.data[0][...] = values
        layer.refresh()
    else:
        layer.data = values


def _replace(viewer: Any, old: Any, add: Any, data: Any, **arguments: Any) -> Any:
    """Add a layer below the labels being painted, without taking the selection away."""
    active = viewer.layers.selection.active
    if old is not None:
        viewer.layers.remove(old)
    layer = add(data, **arguments)
    if active is not None and active in viewer.layers:
        position = viewer.layers.index(active)
        # Weights are thin lines between objects: labels would hide them.
        if (
            role(active) == "labels"
            and role(layer) != "boundary weights"
            and viewer.layers.index(layer) > position
        ):
            viewer.layers.move(viewer.layers.index(layer), position)
        viewer.layers.selection.active = active
    return layer


def write_box(layer: Any, index: Index, box: Box, values: npt.NDArray[Any]) -> None:
    """Put values into a part of one plane and show them, with as little work as possible."""
    place = (*index, *(slice(a, b) for a, b in box))
    pixels(layer)[place] = values
    layer.refresh(thumbnail=False, extent=False, highlight=False)


def uncertainty(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy over the first axis, by ln(classes): 0 certain, 1 no idea."""
    p = np.clip(probability, 1e-7, 1)
    return np.asarray(-(p * np.log(p)).sum(0) / np.log(len(p)), np.float32)
