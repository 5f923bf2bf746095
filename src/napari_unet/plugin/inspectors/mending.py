"""What a fix does to layers, so that one click takes it back. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_unet.annotations.kinds import LabelKind
from napari_unet.errors import UserError
from napari_unet.plugin import derived
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.session import Session
from napari_unet.preflight import Fixed, Issue

Undo = Callable[[], tuple[Any, LabelKind]]
"""Takes a fix back; returns the layer and the kind that hold again."""
PLACEMENT = ("scale", "translate", *derived.TURNED)


def put(
    session: Session, entry: ImageEntry, layer: Any, kind: LabelKind, fixed: Fixed
) -> tuple[Any, Undo]:
    """Show mended labels: the layer that holds them now, and how to take it back.

    Where shape and type allow, the pixels of the layer change as by one stroke, which Ctrl-Z takes
    back too; else a new layer takes its place and the old one is hidden.
    """
    used = _in_use(session, entry, layer)
    old = np.asarray(layer.data)
    if not hasattr(layer, "data_setitem") or not _holds(layer, fixed):
        made = _new_layer(session, entry, layer, fixed)
        layer.visible = False
        if used:
            _use(session, entry, made, fixed.kind)

        def back_to_old() -> tuple[Any, LabelKind]:
            layer.visible = True
            if used:
                _use(session, entry, layer, kind)
            if made in session.viewer.layers:
                session.viewer.layers.remove(made)
            return layer, kind

        return made, back_to_old
    where = np.nonzero(old != fixed.labels)
    before = old[where].copy()
    _set(layer, where, fixed.labels[where])
    if used and fixed.kind != kind:
        _use(session, entry, layer, fixed.kind)

    def back() -> tuple[Any, LabelKind]:
        _set(layer, where, before)
        if used and fixed.kind != kind:
            _use(session, entry, layer, kind)
        return layer, kind

    return layer, back


def displaced(entry: ImageEntry, layer: Any) -> Issue | None:
    """Labels that napari shows somewhere else than the image they belong to; None if they fit."""
    if tuple(np.shape(layer.data)) != entry.shape:
        return None
    axes = entry.layer_axes()

    def apart(pixel: Any) -> bool:
        inside = np.zeros(entry.layer.ndim)
        inside[axes] = pixel
        wanted = np.asarray(entry.layer.data_to_world(inside))[axes]
        return not np.allclose(layer.data_to_world(pixel), wanted)

    # Where the corner and the end of each axis lie together, everything does.
    if not any(apart(pixel) for pixel in np.vstack([np.zeros(len(axes)), np.diag(entry.shape)])):
        return None
    text = (
        "The labels lie elsewhere than the image: scale, position or rotation of the layers "
        "differ. Pixels are trained on by their number, so what you see is not what is learnt."
    )
    return Issue("warning", "displaced", text)


def lay_over(entry: ImageEntry, layer: Any, kind: LabelKind) -> Undo:
    """Put labels where the image is."""
    before = {name: np.array(getattr(layer, name)) for name in PLACEMENT[:-1]}
    before["affine"] = layer.affine.affine_matrix
    for name in PLACEMENT:
        setattr(layer, name, derived.placement(entry)[name])

    def back() -> tuple[Any, LabelKind]:
        for name, value in before.items():
            setattr(layer, name, value)
        return layer, kind

    return back


def _holds(layer: Any, fixed: Fixed) -> bool:
    dtype = np.asarray(layer.data).dtype
    if tuple(layer.data.shape) != fixed.labels.shape or dtype.kind not in "ui":
        return False
    return int(fixed.labels.max(initial=0)) <= np.iinfo(dtype).max


def _set(layer: Any, where: Any, values: Any) -> None:
    if len(where[0]):
        layer.data_setitem(where, values.astype(layer.data.dtype))


def _new_layer(session: Session, entry: ImageEntry, layer: Any, fixed: Fixed) -> Any:
    fits = fixed.labels.shape == entry.shape
    return session.viewer.add_labels(
        fixed.labels.astype(np.int32 if fixed.kind == "objects" else np.uint8),
        name=f"{layer.name} (mended)",
        opacity=0.7,
        **(derived.placement(entry) if fits else {}),
    )


def _in_use(session: Session, entry: ImageEntry, layer: Any) -> bool:
    one = session.labels.get(entry.id)
    return one is not None and one.layer is layer


def _use(session: Session, entry: ImageEntry, layer: Any, kind: LabelKind) -> None:
    try:
        session.use_labels(entry, layer, kind)
    except UserError as error:  # there is more to mend
        session.tell("warning", str(error))
