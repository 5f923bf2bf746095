"""Predict image, for an image that is too large to wait for: what is on screen comes first.

At the level of the pyramid that napari draws: at full resolution it is a part of the result, at a
coarser level an overview (overview.py). Then the whole image follows at full resolution, and its
tiles appear as they are done.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.engine.protocol import Box, CloseImage, Predict
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.networks import registry
from napari_unet.plugin import derived, overview
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.predicting import predict_image
from napari_unet.plugin.recipe import recipe_of
from napari_unet.plugin.training_control import needs_model, start_job
from napari_unet.plugin.visible import View, on_screen

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def predict(session: Session, entry: ImageEntry, *, rotations: bool = False) -> None:
    """Predict all planes of an image, a large one beginning with the screen. Raises UserError."""
    needs_model(session)
    large = entry.layer.multiscale or derived.is_large(entry)
    if not large or session.engine_dims(entry) == 3:
        predict_image(session, entry, rotations=rotations)
        return
    view = on_screen(session.viewer, entry)
    if not entry.ready:
        session.tell("info", f"{entry.name} is being read ...")
    # Normalised as the whole image is: the first look must not depend on where one looks.
    session.when_read(entry, partial(_begin, session, entry, view, rotations))


def _begin(session: Session, entry: ImageEntry, view: View, rotations: bool) -> None:
    if entry.problem:
        return
    try:
        _ask(session, entry, view, rotations)
    except UserError as error:  # others wait for the image, too
        session.tell("error", str(error))


def _ask(session: Session, entry: ImageEntry, view: View, rotations: bool) -> None:
    session.numbers += 1
    name = f"{entry.id}-screen-{session.numbers}"
    piece, box = (entry, view.box) if view.is_full else _piece(session, entry, view, name)
    ref, array = session.engine.allocate([b - a for a, b in box], np.uint8)
    job = start_job(
        session,
        f"Predicting what is on screen of {entry.name}",
        Predict,
        cancellable=True,
        needs=piece,
        image=piece.id,
        indices=(view.index if view.is_full else (),),
        box=box,
        like=entry.id,
        outputs={"classes": ref},
        rotations=rotations,
        own_size=session.own_size,
    )

    def clean() -> None:
        session.engine.release(ref)
        if piece is not entry and piece.ref is not None:
            session.send(CloseImage(id=piece.id))
            if piece.ref.kind == "npy":  # else it is the stored array itself
                session.engine.release(piece.ref)

    def answered(result: dict[str, Any]) -> None:
        classes = np.array(array)
        clean()
        if entry.layer not in session.viewer.layers:
            return
        _show(session, entry, view, classes)
        try:
            predict_image(session, entry, rotations=rotations)
        except UserError as error:
            session.tell("error", str(error))

    def refused(message: str) -> None:
        clean()
        message = message.replace(f" [{piece.id}]", "")  # how the engine tells images apart
        about = "" if entry.name in message else f"{entry.name}: "
        session.tell("info", about + message)

    if job in session.jobs:
        session.jobs[job].answered, session.jobs[job].refused = answered, refused
    else:
        clean()


def _show(session: Session, entry: ImageEntry, view: View, classes: Any) -> None:
    if view.is_full:
        layer = derived.class_layer(session.viewer, entry, session.classes)
        derived.write_box(layer, view.index, view.box, classes)
        session.correcting.predicted(entry, view.index, view.box, classes)
        session.tell("info", "What is on screen is predicted; the whole image follows.")
        return
    middles = (
        np.minimum(((np.arange(a, b) + 0.5) * f).astype(int), n - 1)
        for (a, b), f, n in zip(view.box, view.factor, entry.image.spatial_shape, strict=True)
    )
    classes[session.correcting.known(entry, view.index, *middles)] = 0  # there is better
    overview.show(session.viewer, entry, view, classes, session.classes)
    session.tell(
        "info",
        f"A first look at 1:{max(view.factor):.3g}: the network learned at full resolution, so "
        "this is an overview. Zoom in to see the real prediction; the whole image follows.",
    )


def _piece(session: Session, entry: ImageEntry, view: View, name: str) -> tuple[ImageEntry, Box]:
    """The part of a coarser level that is on screen with what the network sees around it, and where
    in it the view lies. Nothing is read yet."""
    import dask.array as da

    image, layer = entry.image, entry.layer
    data = layer.data[view.level] if layer.multiscale else layer.data
    lazy = data if isinstance(data, da.Array) else da.from_array(data, name=False)
    recipe = recipe_of(session)
    bare = registry.geometry(recipe.network, recipe.arguments, 2)
    halo = bare.predicting(recipe.second_look).halo
    key: dict[str, Any] = {}
    for axis, at in zip(image.leading_axes, view.index, strict=True):
        n = data.shape[image.axes.index(axis)]
        times = n / image.data.shape[image.axes.index(axis)]
        key[axis] = min(n - 1, int(at * times))
    box = []
    for axis, (a, b), around in zip("yx", view.box, halo, strict=True):
        n = max(1, data.shape[image.axes.index(axis)] // view.coarser)
        low, high = max(0, a - around), min(n, b + around)
        key[axis] = slice(low * view.coarser, high * view.coarser)
        box.append((a - low, b - low))
    axes = "".join(a for a in image.axes if a not in image.leading_axes)
    part = lazy[tuple(key.get(a, slice(None)) for a in image.axes)]
    if view.coarser > 1:
        steps = {axes.index(a): view.coarser for a in "yx"}
        part = da.coarsen(np.mean, part, steps, trim_excess=True).astype(data.dtype)
    shown = Image(entry.name, part, axes)
    made = replace(entry, id=name, image=shown, ref=None, ready=False, waiting=[])
    return made, tuple(box)
