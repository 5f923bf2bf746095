"""Names and colours of the classes, and which of them is painted next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet.engine.protocol import ClassInfo, SetClasses
from napari_unet.model.header import default_classes
from napari_unet.plugin import labels

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session


def add(session: Session, name: str = "") -> None:
    """One class more, with the next colour."""
    new = default_classes(len(session.classes) + 1)[-1]
    session.classes.append(ClassInfo(name=name or new.name, color=new.color))
    _changed(session)


def replace(session: Session, described: list[ClassInfo]) -> None:
    """These are the classes now."""
    session.classes[:] = described
    _changed(session)


def rename(
    session: Session, number: int, name: str | None = None, color: str | None = None
) -> None:
    """Another name or colour for a class."""
    old = session.classes[number]
    session.classes[number] = ClassInfo(name=name or old.name, color=color or old.color)
    _changed(session)


def pick(session: Session, number: int) -> None:
    """Paint this class next."""
    if session.current is None or session.current.id not in session.labels:
        return
    one = session.labels[session.current.id]
    if one.kind == "objects":  # each has a number of its own
        one.layer.selected_label = int(np.max(one.layer.data)) + 1 if number else 0
    else:
        one.layer.selected_label = number + 1 if one.kind == "scribbles" else number
    one.layer.mode = "paint" if one.layer.selected_label else "erase"
    session.viewer.layers.selection.active = one.layer


def _changed(session: Session) -> None:
    for one in session.labels.values():
        colors = labels.colors_of(one.kind, session.classes)
        if colors is not None:
            one.layer.colormap = colors
    session.project.update_classes(session.labels.values(), session.classes)
    if session.engine.alive:
        session.send(SetClasses(classes=tuple(session.classes)))
    looking = session.looking
    if looking.array is not None and len(looking.array) != len(session.classes):
        looking.again()  # the engine writes one plane a class
    session.classes_changed.emit()
