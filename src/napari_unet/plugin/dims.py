"""Planes or volumes: how the engine is told to see the images of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.engine.protocol import Index
from napari_unet.errors import UserError
from napari_unet.plugin.images import ImageEntry, open_command

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def set_dims(session: Session, dims: int) -> None:
    """The user chose planes (2) or volumes (3).

    Raises
    ------
    UserError
        There is a model of the other kind, or the current image has no z.
    """
    if dims == session.dims:
        return
    if session.has_model or session.training.running:
        raise UserError(
            f"The network of this session works in {session.dims}D: press Reset (and Stop before) "
            f"to begin anew in {dims}D."
        )
    current = session.current
    if dims == 3 and current is not None and "z" not in current.image.axes:
        raise UserError(
            f"{current.name} has the axes {current.image.axes}: only an image with z is a volume. "
            f"Where one of its axes is z, say so beside the image's name."
        )
    know_dims(session, dims)


def know_dims(session: Session, dims: int) -> None:
    """The dims are these, as a model or a project says: the engine is told of all images again."""
    session.dims = dims
    for entry in session.images.values():
        if entry.ready:
            session.send(open_command(entry, session.engine_dims(entry)))
            if entry.id in session.labels:
                session.send(session.labels[entry.id].command())
    session.tiles, session.tiles_of = {}, None
    session.tiles_changed.emit()
    session.settings_changed.emit()


def engine_dims(session: Session, entry: ImageEntry) -> int:
    """How the engine sees an image: as a volume only where there is a z."""
    return 3 if session.dims == 3 and "z" in entry.image.axes else 2


def engine_index(session: Session, entry: ImageEntry, index: Index) -> Index:
    """The leading position by which the engine knows a plane: without z in 3D."""
    return index[:-1] if engine_dims(session, entry) == 3 else index
