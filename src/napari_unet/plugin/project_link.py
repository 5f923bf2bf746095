"""The session's project: untitled from the first label on, so that nothing waits for Save."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_unet.engine.protocol import ClassInfo, Index
from napari_unet.errors import UserError
from napari_unet.images.reading import read_image
from napari_unet.model.header import ClassDescription
from napari_unet.plugin.images import ImageEntry, layer_data
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.looks import checked_look, look_of
from napari_unet.plugin.outlines import outlines
from napari_unet.plugin.state import TrainingState
from napari_unet.project.project import LabelsRecord, Project

if TYPE_CHECKING:
    from napari_unet.plugin.session import Session

LOOK = 2.0
"""Seconds between two looks at how images are shown."""
LARGEST_COPY = 512 * 2**20
"""Bytes up to which pixels without a file are copied into the project."""


class ProjectLink:
    """Writes what happens in the session to a :class:`Project`; errors are UserErrors."""

    def __init__(self) -> None:
        self.project: Project | None = None
        self.kept_at = ""
        self.opening = False
        """What the session has is not yet, or only in part, what the project holds."""
        self._settings: tuple[Project, dict[str, Any]] | None = None
        self._looks: dict[str, tuple[str, dict[str, Any]]] = {}
        self._looked = 0.0

    @property
    def checkpoint(self) -> Path | None:
        """Where the engine keeps the model current."""
        return self.project.model_path if self.project is not None else None

    @property
    def text(self) -> str:
        """One line for the dock."""
        if self.project is None:
            return "Nothing to keep yet."
        name = "untitled project" if self.project.untitled else self.project.folder.name
        at = f" · last stroke {self.kept_at}" if self.kept_at else ""
        return f"All strokes are kept ({name}){at}"

    def add(self, one: LabelEntry, classes: list[ClassInfo]) -> None:
        """Keep an image and its labels from now on."""
        if one.project_id is not None:
            return
        if self.project is None:
            self.project = Project.create_untitled()
        entry = one.entry
        if entry.project_id is None:
            path, array = _kept(entry)
            entry.project_id = self.project.add_image(
                entry.name,
                axes=entry.image.axes,
                path=path,
                array=array,
                spacing=entry.image.spacing,
                view=look_of(entry.layer),
            ).id
        described = [ClassDescription(name=c.name, color=c.color) for c in classes]
        added = self.project.add_labels(
            entry.project_id,
            one.kind,
            array=np.array(one.sent),
            name=str(one.layer.name),
            classes=described,
        )
        # All labels of an image have the same regions: those of the layer that is shown.
        regions = _regions_of(self.project, entry.project_id)
        if regions is None:
            name = f"{entry.name}: regions"
            regions = self.project.add_labels(
                entry.project_id, "regions", array=np.array(one.regions), name=name
            )
        one.project_id, one.regions_project_id = added.id, regions.id

    def record(self, one: LabelEntry, before: npt.NDArray[Any], index: Index) -> None:
        """A plane changed from ``before`` to what ``one.sent`` holds now."""
        if self.project is not None and one.project_id is not None:
            after = np.asarray(one.sent[index])
            self.project.record_change(one.project_id, before, after, index)
            self.kept_at = time.strftime("%H:%M:%S")

    def record_regions(self, one: LabelEntry, before: npt.NDArray[Any], index: Index) -> None:
        """The same for what is fully annotated."""
        if self.project is not None and one.regions_project_id is not None:
            after = np.asarray(one.regions[index])
            self.project.record_change(one.regions_project_id, before, after, index)

    def update_classes(self, labels: Iterable[LabelEntry], classes: list[ClassInfo]) -> None:
        """Names and colours changed."""
        if self.project is None:
            return
        described = tuple(ClassDescription(name=c.name, color=c.color) for c in classes)
        for one in labels:
            if one.project_id is not None:
                self.project.update_labels(one.project_id, classes=described)

    def keep_settings(self, session: Session) -> None:
        """Network, preset and their like, where they are not what they were at the last call."""
        names = ("network", "preset", "settings", "dims", "seed")
        values = {name: getattr(session, name) for name in names}
        values["labels"] = {
            str(one.entry.project_id): one.project_id for one in session.labels.values()
        }
        if self.project is None or self.opening or (self.project, values) == self._settings:
            return
        # Before it is tried: a full disk is told of once.
        self._settings = (self.project, copy.deepcopy(values))
        self.project.update_settings(**values)

    def keep_looks(self, session: Session, *, now: bool = False) -> None:
        """How images are shown and what layers are called, where that has changed.

        Not at every tick: a slider that is being drawn changes twenty times a second.
        """
        if self.project is None or self.opening:
            return
        if not now and time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        for entry in list(session.images.values()):
            id, known = entry.project_id, self.project.images
            if id not in known:
                continue
            look = (entry.name, look_of(entry.layer))
            if look not in ((known[id].name, known[id].view), self._looks.get(id)):
                self._looks[id] = look  # before it is tried: a full disk is told of once
                self.project.update_image(id, name=look[0], view=look[1])
        for one in list(session.attached.values()):
            id, name = one.project_id, str(one.layer.name)
            record = self.project.labels_records.get(id or "")
            if record is None or name in (record.name, self._looks.get(record.id, ("",))[0]):
                continue
            self._looks[record.id] = name, {}
            self.project.update_labels(record.id, name=name)

    def keep_pixels(self, session: Session, *, now: bool = False) -> None:
        """Pixels that somebody gave a layer; not at once, for there may soon be others."""
        for entry in list(session.images.values()):
            since, id = entry.replaced, entry.project_id
            if self.project is None or since is None or id not in self.project.images:
                continue
            if now or time.monotonic() - since > LOOK:
                entry.replaced = None
                self.project.replace_pixels(id, layer_data(entry.layer))

    def save_curves(self, curves: dict[str, Any]) -> None:
        """Keep the curves of training."""
        if self.project is not None and curves["losses"]:
            self.project.save_curves(curves)

    def save_as(self, folder: str | Path) -> None:
        """Go on in a copy under a name; an untitled project is then no longer needed."""
        if self.project is None:
            self.project = Project.create(folder)
            return
        old, self.project = self.project, self.project.save_as(folder)
        if old.untitled:
            old.discard()
        else:
            old.close()

    def take_notes(self) -> list[str]:
        """Sentences for the user since the last call."""
        return self.project.take_notes() if self.project is not None else []

    def close(self) -> None:
        """Let go; the folder stays."""
        self.opening, self._settings, self._looks = False, None, {}
        if self.project is not None:
            project, self.project = self.project, None
            project.close()


def open_project(session: Session, folder: str | Path) -> None:
    """Open a project into the viewer: images, labels, classes, regions, curves, model.

    What is missing is told, everything else is opened. Raises UserError when it is no project.
    """
    from napari_unet.plugin.training_control import load_model

    if session.training.running:
        raise UserError("Training is under way: stop it before you open a project.")
    project = Project.open(folder)
    session.flush()
    session.project.close()
    # Where opening fails half-way, the settings that the project holds are not written over.
    session.project.opening = True
    session.project.project = project
    records = list(project.images.values())
    _join(session, project)
    for record in records:
        try:
            image = project.open_image(record.id)
        except UserError as error:
            session.tell("warning", str(error))
            continue
        look, damaged = checked_look(record.view, image.data.shape)
        if damaged:
            text = f"How {record.name} was shown is not known any more: {', '.join(damaged)}."
            session.tell("warning", text)
        layer = session.viewer.add_image(image.data, name=record.name, **look)
        entry = session.use_image(layer, record.axes)
        entry.project_id = record.id
        _open_labels(session, project, entry, record.id)
    settings = project.settings
    _use_as_before(session, settings.get("labels"))
    session.network = str(settings.get("network", session.network))
    session.use_preset(str(settings.get("preset", session.preset)))
    stored = settings.get("settings")
    session.settings = dict(stored) if isinstance(stored, dict) else {}
    seed = settings.get("seed", session.seed)
    session.seed = seed if isinstance(seed, int) else 0
    session.know_dims(3 if settings.get("dims") == 3 else 2)
    if project.has_model:
        _open_curves(session, project)
        load_model(session, project.model_path)
    session.correcting.load()
    session.forecasting.load()
    session.classes_changed.emit()
    session.curves_changed.emit()
    session.training_changed.emit()
    session.project_changed.emit()
    session.project.opening = False


def _join(session: Session, project: Project) -> None:
    """What was painted before a project is opened is kept in it, too.

    The ids that images and labels had in the last project mean others in this one.
    """
    for entry in session.images.values():
        entry.project_id = None
    for one in (*session.attached.values(), *session.labels.values()):
        one.project_id = one.regions_project_id = None
    for one in session.labels.values():
        try:
            session.project.add(one, session.classes)
        except UserError as error:
            session.tell("error", str(error))


def _open_curves(session: Session, project: Project) -> None:
    """Curves belong to the model: without one, as after a killed reset, they are not shown."""
    curves, session.training = project.curves(), TrainingState()
    try:
        session.training.load_curves(curves or {})
    except (AttributeError, KeyError, TypeError, ValueError):
        session.training = TrainingState()
        session.tell("warning", "The curves of the training are damaged: they are not shown.")


def _open_labels(session: Session, project: Project, entry: Any, image_id: str) -> None:
    from napari_unet.plugin import labels as labels_module

    own = [r for r in project.labels_records.values() if r.image == image_id]
    regions = _regions_of(project, image_id)
    mask = _kept_labels(session, project, regions) if regions is not None else None
    for record in own:
        if record.kind == "regions":
            continue
        kept = _kept_labels(session, project, record)
        if kept is None:
            continue
        if len(record.classes) >= len(session.classes):
            session.classes[:] = [ClassInfo(name=c.name, color=c.color) for c in record.classes]
        layer = labels_module.new_layer(session.viewer, entry, record.kind, session.classes)
        layer.name = record.name
        layer.data = kept.astype(layer.data.dtype)
        one = session.use_labels(entry, layer, record.kind, kept=record.id)
        if regions is not None:
            one.regions_project_id = regions.id
        if mask is not None and entry.id not in session.regions:
            _show_regions(session, entry, one, mask)


def _use_as_before(session: Session, used: Any) -> None:
    """Of several labels of an image those that were in use, not those that were opened last."""
    for one in list(session.attached.values()):
        image = one.entry.project_id
        if isinstance(used, dict) and one.project_id and used.get(image) == one.project_id:
            session.use_labels(one.entry, one.layer, one.kind)


def _kept_labels(
    session: Session, project: Project, record: LabelsRecord
) -> npt.NDArray[Any] | None:
    """What was painted; None where its file is damaged, which opening the project has told."""
    try:
        return project.labels(record.id)
    except UserError as error:
        session.tell("warning", str(error))
        return None


def _show_regions(session: Session, entry: Any, one: LabelEntry, mask: npt.NDArray[Any]) -> None:
    """Regions come back as shapes that cover them and nothing else."""
    if not mask.any():
        return
    one.regions[...] = mask
    layer = session.region_layer(entry)
    with layer.events.data.blocker():
        for index in entry.image.indices():
            for kind, corners in outlines(np.asarray(mask[index]) > 0):
                add = layer.add_rectangles if kind == "rectangle" else layer.add_polygons
                add(np.array([[*index, *c] for c in corners], float))


def _regions_of(project: Project, image_id: str) -> LabelsRecord | None:
    records = project.labels_records.values()
    return next((r for r in records if r.image == image_id and r.kind == "regions"), None)


def _kept(entry: ImageEntry) -> tuple[Path | None, Any]:
    """The file of an image and its pixels, each None where the project does not need it."""
    data, path = layer_data(entry.layer), _path(entry.layer)
    if path is None or (isinstance(data, np.ndarray) and data.nbytes <= LARGEST_COPY):
        return path, data
    # Of large and lazy pixels none are compared with those of the file.
    try:
        same = tuple(read_image(path, entry.image.axes).data.shape) == tuple(data.shape)
    except UserError:  # another plugin has read it
        same = False
    return (path, None) if same else (None, data)


def _path(layer: Any) -> Path | None:
    path = layer.source.path
    return Path(str(path)) if path is not None and Path(str(path)).exists() else None
