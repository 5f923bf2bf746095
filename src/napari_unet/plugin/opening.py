"""Images in use: which layers they are, and that the engine can read their pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_unet.engine.protocol import CloseImage
from napari_unet.plugin import derived
from napari_unet.plugin.channels import channels_first, needs_channels_first
from napari_unet.plugin.images import (
    ImageEntry,
    describe,
    layer_data,
    open_command,
    send_image,
    spacing_of,
)

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def use_image(session: Session, layer: Any, axes: str | None = None) -> ImageEntry:
    """Know an Image layer and make it the current one.

    Raises
    ------
    UserError
        It cannot be used; the sentence says why.
    """
    entry = session.images.get(id(layer))
    if entry is not None and (axes is None or axes == entry.image.axes):
        session.current = entry
        return entry
    image = describe(layer, axes)
    if entry is not None:
        forget_image(session, entry)
    if needs_channels_first(image.axes):
        first = channels_first(session.viewer, layer, image.axes)
        session.tell(
            "info", f"{first.name} was added: labels have no channels, so they must come first."
        )
        return use_image(session, first)
    session.numbers += 1
    entry = ImageEntry(f"image-{session.numbers}", layer, image)
    session.images[id(layer)] = entry
    session.current = entry
    session.listen(layer.events.data, lambda e: _replaced(session, layer))
    entry.placed = derived.placement(entry)
    for moved in ("scale", "translate", "units", *derived.TURNED):
        session.listen(getattr(layer.events, moved), lambda e: _moved(session, layer))
    session.listen(layer.events.name, lambda e: derived.rename(session.viewer, entry))
    session.images_changed.emit()
    return entry


def open_in_engine(session: Session, entry: ImageEntry) -> None:
    """Make the pixels readable for the engine, once."""
    if entry.ref is None:
        version = entry.version
        send_image(
            session.engine, entry, lambda known, problem: _read(session, known, problem, version)
        )


def when_read(session: Session, entry: ImageEntry, act: Callable[[], None]) -> None:
    """Call ``act`` once the engine can read the image, or cannot (see ``entry.problem``)."""
    if entry.ready:
        act()
        return
    entry.waiting.append(act)
    if entry.problem:  # try once more
        _drop_pixels(session, entry)
        entry.problem = ""
    open_in_engine(session, entry)


def forget_image(session: Session, entry: ImageEntry) -> None:
    """The layer is gone or has other axes now."""
    session.images = {k: e for k, e in session.images.items() if e is not entry}
    session.labels.pop(entry.id, None)
    session.attached = {k: one for k, one in session.attached.items() if one.entry is not entry}
    session.regions.pop(entry.id, None)
    session.correcting.forget(entry)
    if entry.ref is not None:
        session.send(CloseImage(id=entry.id))
    _drop_pixels(session, entry)
    entry.problem = f"{entry.name} was removed or has other axes now."
    waiting, entry.waiting = entry.waiting, []
    for act in waiting:  # later: not when all layers go because the window does
        session.later(act)
    if session.current is entry:
        session.current = None
    session.images_changed.emit()


def _drop_pixels(session: Session, entry: ImageEntry) -> None:
    """The engine is not to read these pixels any more, nor to hear of them when they come late."""
    if entry.ref is not None and entry.ref.kind == "npy":
        session.leftovers.add(entry.ref)
    entry.ref, entry.ready = None, False
    entry.version += 1


def _read(session: Session, entry: ImageEntry, problem: str, version: int) -> None:
    """The pixels are there, or why not; large ones come from a thread."""

    def finish() -> None:
        if version != entry.version:
            return
        waiting, entry.waiting = entry.waiting, []
        entry.ready, entry.problem = not problem, problem
        if problem:
            session.tell("error", problem)
        else:
            _tell(session, entry)
        for act in waiting:
            act()

    if threading.current_thread() is threading.main_thread():
        finish()
    else:
        session.later(finish)


def _replaced(session: Session, layer: Any) -> None:
    """Somebody gave the layer other pixels."""
    entry = session.images.get(id(layer))
    if entry is None:
        return
    if tuple(layer_data(layer).shape) != tuple(entry.image.data.shape):
        forget_image(session, entry)
        session.tell("warning", f"{layer.name} has another size now: choose its labels again.")
    else:
        _drop_pixels(session, entry)
        entry.replaced = time.monotonic()
        entry.image, entry.problem = describe(layer, entry.image.axes), ""
        session.correcting.forget(entry)
        open_in_engine(session, entry)


def _tell(session: Session, entry: ImageEntry) -> None:
    """The engine gets to know the image, and its labels, as they are now."""
    session.send(open_command(entry, session.engine_dims(entry)))
    known = session.labels.get(entry.id)
    if known is not None:
        session.send(known.command())


def _moved(session: Session, layer: Any) -> None:
    """Somebody moved or turned the layer, or said how large its pixels are."""
    entry = session.images.get(id(layer))
    if entry is None:
        return
    before = entry.placed["scale"]
    derived.follow(session.viewer, entry)
    if entry.placed["scale"] != before:
        entry.image = replace(entry.image, spacing=spacing_of(entry))
        if entry.ready:
            _tell(session, entry)
