"""Labels in use, and what is painted on them: into the journal and to the engine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.annotations.kinds import MAX_CLASSES, LabelKind
from napari_unet.engine.protocol import ClassInfo, Index, LabelsChanged, RemoveLabels
from napari_unet.errors import UserError
from napari_unet.plugin import derived, labels, regions
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.visible import current_index

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

SETTLE = 0.1
"""Seconds without a change before painting in progress is sent."""
AT_ONCE = 0.01
"""Seconds of one tick for looking at planes that may have changed."""


def new_labels(session: Session, entry: ImageEntry, kind: LabelKind = "scribbles") -> LabelEntry:
    """Make a Labels layer beside an image and use it. Raises UserError."""
    layer = labels.new_layer(session.viewer, entry, kind, session.classes)
    known = use_labels(session, entry, layer, kind)
    session.viewer.layers.selection.active = layer
    return known


def use_labels(
    session: Session, entry: ImageEntry, layer: Any, kind: LabelKind, *, kept: str | None = None
) -> LabelEntry:
    """Use a Labels layer (or an Image layer that holds whole numbers) as labels of an image.

    What is repaired or worth knowing is told; what cannot be used raises UserError. ``kept`` is
    the id under which the project has these labels already.
    """
    known = session.labels.get(entry.id)
    if known is not None and known.layer is layer and known.kind == kind:
        return known
    data = np.asarray(layer.data)
    repaired, findings = labels.examine(data, entry, kind)
    for finding in findings:
        if finding.code != "empty" and data.any():
            session.tell("warning", f"{layer.name}: {finding.message}")
    if not hasattr(layer, "data_setitem"):
        layer = _from_image(session, entry, layer, repaired, kind)
    elif repaired.dtype != data.dtype or not np.array_equal(repaired, data):
        layer.data = repaired
    if kind != "objects":
        _know_classes(session, kind, repaired)
        layer.colormap = labels.colors_of(kind, session.classes)
    layer.metadata[derived.KEY] = {"image": entry.name, "role": "labels", "kind": kind}
    session.open_in_engine(entry)
    one = session.attached.get((id(layer), kind))
    if one is None or one.entry is not entry:
        one = labels.attach(session.engine, entry, layer, kind)
        one.project_id = kept
        session.attached[(id(layer), kind)] = one
        _listen(session, one)
    else:  # back to labels that were in use before
        one.dirty.update(one.planes())
    session.labels[entry.id] = one
    try:
        session.project.add(one, session.classes)
    except UserError as error:  # every stroke tries again
        session.tell("error", str(error))
    if entry.ready:
        session.send(one.command())
    regions.read_regions(session, entry)
    session.images_changed.emit()
    session.project_changed.emit()
    return one


def adopt_labels(session: Session, entry: ImageEntry) -> None:
    """Use a Labels layer that says it belongs to this image (a sample's, for example)."""
    if entry.id in session.labels:
        return
    for layer in session.viewer.layers:
        own = layer.metadata.get(derived.KEY)
        if not isinstance(own, dict) or "kind" not in own or own.get("image") != entry.name:
            continue
        if hasattr(layer, "data_setitem"):
            described = own.get("classes")
            if described and isinstance(described[0], dict):
                session.classes[:] = [ClassInfo(**c) for c in described]
                session.classes_changed.emit()
            use_labels(session, entry, layer, own["kind"])
            return


def forget_labels(session: Session, image_id: str) -> None:
    """These labels are no longer used; what was kept of them stays kept."""
    if session.labels.pop(image_id, None) is not None:
        session.send(RemoveLabels(image=image_id))
        session.images_changed.emit()


def stroke(session: Session, one: LabelEntry, atoms: Iterable[Any] = ()) -> None:
    """A stroke was finished: it is kept before anything else happens.

    ``atoms``: what napari puts into its undo history, which tells the planes: a brush can paint on
    several, and so can undoing it later. napari announces the stroke of a brush when it is in the
    array, what other tools do just before; the latter is caught by the next look.
    """
    planes = planes_of(atoms, one.entry.shape[: len(one.entry.image.leading_shape)])
    one.painted |= planes
    _touch(session, one)
    one.dirty |= planes
    flush(session)
    _touch(session, one)
    one.dirty |= planes


def planes_of(atoms: Iterable[Any], leading: tuple[int, ...]) -> set[Index]:
    """Leading positions that entries of napari's undo history have changed."""
    found: set[Index] = set()
    count = len(leading)
    for atom in atoms if count else ():
        box = getattr(atom, "slice_key", None)
        if box is not None:
            ranges = (range(*s.indices(n)) for s, n in zip(box[:count], leading, strict=True))
            found.update(product(*ranges))
        else:
            rows = np.stack([np.asarray(a).ravel() for a in atom[0][:count]], axis=1)
            found.update(tuple(map(int, row)) for row in np.unique(rows, axis=0))
    return found


def flush(session: Session, *, settled: bool = False) -> None:
    """Changed planes go to the journal and the engine.

    ``settled`` waits for a pause in painting and does no more at once than fits into a tick.
    """
    end = time.monotonic() + AT_ONCE
    used = {id(one.layer): one for one in session.labels.values()}
    # What is painted on labels that are not in use is kept, too.
    for one in dict.fromkeys([*session.labels.values(), *session.attached.values()]):
        if used.get(id(one.layer), one) is not one:  # in use as labels of another kind
            continue
        if settled and time.monotonic() - one.touched < SETTLE:
            continue
        while one.dirty:
            _keep(session, one, one.dirty.pop())
            if settled and time.monotonic() > end:
                return


def _keep(session: Session, one: LabelEntry, index: Index) -> None:
    if tuple(one.layer.data.shape) != one.entry.shape:
        return
    before = labels.changed(one, index)
    if before is None:
        return
    try:
        session.project.add(one, session.classes)
        session.project.record(one, before, index)
    except UserError as error:
        session.tell("error", str(error))
    session.project_changed.emit()
    if session.labels.get(one.entry.id) is not one:
        return
    session.correcting.painted(one, before, index)
    session.first_answers.painted(one, index)
    if one.kind != "objects":
        _know_classes(session, one.kind, one.sent[index])
    if one.entry.ready:
        engine_index = session.engine_index(one.entry, index)
        session.send(LabelsChanged(image=one.entry.id, index=engine_index))


def _know_classes(session: Session, kind: LabelKind, data: Any) -> None:
    """Whatever was painted has a class with a name and a colour."""
    needed = int(np.max(data, initial=0)) + (0 if kind == "scribbles" else 1)
    needed = min(needed, MAX_CLASSES)
    session.painted_classes = max(session.painted_classes, needed)
    while len(session.classes) < needed:
        session.add_class()


def _listen(session: Session, one: LabelEntry) -> None:
    events = one.layer.events
    session.listen(events.paint, lambda e: stroke(session, one, e.value))
    session.listen(events.labels_update, lambda e: _touch(session, one))
    session.listen(events.set_data, lambda e: _refreshed(session, one))  # undo says only this
    session.listen(events.data, lambda e: _replaced(session, one))


def _touch(session: Session, one: LabelEntry) -> None:
    one.dirty.add(current_index(session.viewer, one.entry))
    one.touched = time.monotonic()


def _refreshed(session: Session, one: LabelEntry) -> None:
    _touch(session, one)
    one.dirty |= one.painted


def _replaced(session: Session, one: LabelEntry) -> None:
    if tuple(one.layer.data.shape) == one.entry.shape:
        one.dirty.update(one.planes())
        one.touched = time.monotonic()
    elif session.labels.get(one.entry.id) is one:
        forget_labels(session, one.entry.id)
        session.tell(
            "warning",
            f"{one.layer.name} has another size now and is no longer used: choose labels again. "
            "What was painted before is kept in the project.",
        )


def _from_image(session: Session, entry: ImageEntry, layer: Any, data: Any, kind: LabelKind) -> Any:
    made = labels.new_layer(session.viewer, entry, kind, session.classes)
    made.data = data
    layer.visible = False
    return made
