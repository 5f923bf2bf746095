"""The state behind the dock: one session a viewer, evented, without widgets.

The session owns the engine, the project and every connection to layers; :meth:`Session.close` lets
go of all of them. A timer of the dock calls :meth:`Session.tick`; nothing else has to happen on
time. It works with :class:`napari.components.ViewerModel`, so that tests need no window.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from psygnal import Signal

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.client import EngineClient
from napari_unet.engine.protocol import (
    ClassInfo,
    CloseImage,
    Event,
    Index,
    LabelsChanged,
    RemoveLabels,
    Unwatch,
    Watch,
)
from napari_unet.errors import UserError
from napari_unet.model.header import default_classes
from napari_unet.plugin import derived, labels
from napari_unet.plugin.engine_events import handle
from napari_unet.plugin.images import ImageEntry, describe, open_command, send_image
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.project_link import ProjectLink
from napari_unet.plugin.state import Job, TileRow, TrainingState
from napari_unet.plugin.visible import current_index, visible_box

log = logging.getLogger(__name__)

SETTLE = 0.1
"""Seconds without a change before painting in progress is sent."""


class Session:
    """Images, labels, training and results of one viewer.

    Signals carry nothing: who listens reads the state. ``told`` carries (level, sentence).
    """

    told = Signal(str, str)
    images_changed = Signal()
    classes_changed = Signal()
    training_changed = Signal()
    curves_changed = Signal()
    jobs_changed = Signal()
    tiles_changed = Signal()
    project_changed = Signal()

    def __init__(
        self, viewer: Any, *, engine: EngineClient | None = None, project: ProjectLink | None = None
    ) -> None:
        self.viewer = viewer
        self.engine = engine or EngineClient()
        self.project = project or ProjectLink()
        self.training = TrainingState()
        self.classes: list[ClassInfo] = [
            ClassInfo(name=c.name, color=c.color) for c in default_classes(2)
        ]
        self.images: dict[int, ImageEntry] = {}
        self.labels: dict[str, LabelEntry] = {}
        self.regions: dict[str, Any] = {}
        self.jobs: dict[str, Job] = {}
        self.tiles: list[TileRow] = []
        self.tiles_of: ImageEntry | None = None
        self.outputs: dict[str, tuple[ImageEntry, dict[str, Any]]] = {}
        self.shown: set[str] = {"prediction"}
        self.network = "unet"
        self.preset = "live"
        self.settings: dict[str, Any] = {}
        self.seed = 0
        self.device = "auto"
        self.has_model = False
        self.engine_text = "The engine is starting ..."
        self.current: ImageEntry | None = None
        self.closed = False
        self.numbers = 0
        self.engine_was_ready = False
        self._watching: tuple[str, Index, Any] | None = None
        self._wanted: tuple[float, tuple[str, Index, Any] | None] = (0.0, None)
        self.watch_array: Any = None
        self._watch_ref: Any = None
        self._from_threads: deque[Callable[[], None]] = deque()
        self._disconnect: list[Callable[[], None]] = []
        self._saved_curves = 0.0
        self.listen(viewer.layers.events.removed, self._layer_removed)
        self.start_engine()

    # ------------------------------------------------------------ engine

    def start_engine(self) -> None:
        """Start the engine process in the background."""
        try:
            self.engine.start()
        except UserError as error:
            self.tell("error", str(error))

    def restart_engine(self) -> None:
        """Start a new engine; it is told of images and labels again."""
        self.engine_was_ready = False
        try:
            self.engine.restart()
        except UserError as error:
            self.engine_text = str(error)

    def send(self, command: Any) -> bool:
        """Hand a command to the engine; False (and a sentence) when there is none."""
        try:
            self.engine.send(command)
        except UserError as error:
            self.tell("error", str(error))
            return False
        return True

    def tell(self, level: str, message: str) -> None:
        """A sentence for the user: level 'info', 'warning' or 'error'."""
        log.log({"info": 20, "warning": 30}.get(level, 40), message)
        self.told.emit(level, message)

    def tick(self) -> None:
        """Everything that happens by itself: called about twenty times a second."""
        if self.closed:
            return
        while self._from_threads:
            self._from_threads.popleft()()
        self.flush(settled=True)
        for event in self.engine.poll():
            self.handle(event)
        for text in self.project.take_notes():
            self.tell("warning", text)
        self._watch()

    def handle(self, event: Event) -> None:
        """One event of the engine."""
        handle(self, event)

    # ------------------------------------------------------------ images

    def use_image(self, layer: Any, axes: str | None = None) -> ImageEntry:
        """Know an Image layer and make it the current one.

        Raises
        ------
        UserError
            It cannot be used; the sentence says why.
        """
        entry = self.images.get(id(layer))
        if entry is not None and (axes is None or axes == entry.image.axes):
            self.current = entry
            return entry
        image = describe(layer, axes)
        if entry is not None:
            self.forget_image(entry)
        self.numbers += 1
        entry = ImageEntry(f"image-{self.numbers}", layer, image)
        self.images[id(layer)] = entry
        self.current = entry
        self.listen(layer.events.data, lambda: self._image_replaced(layer))
        self.images_changed.emit()
        return entry

    def open_in_engine(self, entry: ImageEntry) -> None:
        """Make the pixels readable for the engine, once."""
        if entry.ref is None:
            send_image(self.engine, entry, self._image_read)

    def _image_read(self, entry: ImageEntry, problem: str) -> None:
        def finish() -> None:
            entry.ready, entry.problem = not problem, problem
            if problem:
                self.tell("error", problem)
                return
            self.send(open_command(entry))
            known = self.labels.get(entry.id)
            if known is not None:
                self.send(known.command())

        if entry.ref is not None and not problem and not self._threaded(entry):
            finish()
        else:
            self._from_threads.append(finish)

    @staticmethod
    def _threaded(entry: ImageEntry) -> bool:
        import threading

        return threading.current_thread() is not threading.main_thread()

    def forget_image(self, entry: ImageEntry) -> None:
        """The layer is gone or has other axes now."""
        self.images = {k: e for k, e in self.images.items() if e is not entry}
        self.labels.pop(entry.id, None)
        self.regions.pop(entry.id, None)
        if entry.ref is not None:
            self.send(CloseImage(id=entry.id))
        if self.current is entry:
            self.current = None
        self.images_changed.emit()

    def _image_replaced(self, layer: Any) -> None:
        entry = self.images.get(id(layer))
        if entry is None:
            return
        data = layer.data[0] if layer.multiscale else layer.data
        if tuple(data.shape) != tuple(entry.image.data.shape):
            self.forget_image(entry)
            self.tell("warning", f"{layer.name} has another size now: choose its labels again.")
        else:
            entry.image, entry.ref = describe(layer, entry.image.axes), None
            self.open_in_engine(entry)

    # ------------------------------------------------------------ labels

    def new_labels(self, entry: ImageEntry, kind: LabelKind = "scribbles") -> LabelEntry:
        """Make a Labels layer beside an image and use it. Raises UserError."""
        layer = labels.new_layer(self.viewer, entry, kind, self.classes)
        known = self.use_labels(entry, layer, kind)
        self.viewer.layers.selection.active = layer
        return known

    def use_labels(
        self, entry: ImageEntry, layer: Any, kind: LabelKind, *, kept: str | None = None
    ) -> LabelEntry:
        """Use a Labels layer (or an Image layer that holds whole numbers) as labels of an image.

        What is repaired or worth knowing is told; what cannot be used raises UserError. ``kept`` is
        the id under which the project has these labels already.
        """
        known = self.labels.get(entry.id)
        if known is not None and known.layer is layer and known.kind == kind:
            return known
        data = np.asarray(layer.data)
        repaired, findings = labels.examine(data, entry, kind)
        for finding in findings:
            if finding.code != "empty" and data.any():
                self.tell("warning", f"{layer.name}: {finding.message}")
        if not hasattr(layer, "data_setitem"):
            layer = self._labels_from_image(entry, layer, repaired, kind)
        elif repaired.dtype != data.dtype or not np.array_equal(repaired, data):
            layer.data = repaired
        if kind != "objects":
            top = int(repaired.max(initial=0)) + (0 if kind == "scribbles" else 1)
            while len(self.classes) < top:
                self.add_class()
            layer.colormap = labels.colors_of(kind, self.classes)
        layer.metadata[derived.KEY] = {"image": entry.name, "role": "labels", "kind": kind}
        self.open_in_engine(entry)
        one = labels.attach(self.engine, entry, layer, kind)
        one.project_id = kept
        self.labels[entry.id] = one
        self.listen(layer.events.paint, lambda e: self.stroke(one))
        self.listen(layer.events.labels_update, lambda e: self._touch(one))
        self.listen(layer.events.set_data, lambda e: self._touch(one))  # undo says only this
        self.listen(layer.events.data, lambda e: self._all_touched(one))
        self.project.add(one, self.classes)
        if entry.ready:
            self.send(one.command())
        self.images_changed.emit()
        self.project_changed.emit()
        return one

    def adopt_labels(self, entry: ImageEntry) -> None:
        """Use a Labels layer that says it belongs to this image (a sample's, for example)."""
        if entry.id in self.labels:
            return
        for layer in self.viewer.layers:
            own = layer.metadata.get(derived.KEY)
            if not isinstance(own, dict) or "kind" not in own or own.get("image") != entry.name:
                continue
            if hasattr(layer, "data_setitem"):
                described = own.get("classes")
                if described and isinstance(described[0], dict):
                    self.classes[:] = [ClassInfo(**c) for c in described]
                    self.classes_changed.emit()
                self.use_labels(entry, layer, own["kind"])
                return

    def _labels_from_image(self, entry: ImageEntry, layer: Any, data: Any, kind: LabelKind) -> Any:
        made = labels.new_layer(self.viewer, entry, kind, self.classes)
        made.data = data
        layer.visible = False
        return made

    def stroke(self, one: LabelEntry) -> None:
        """A stroke was finished: it is kept before anything else happens.

        napari announces the stroke of a brush when it is in the array, what other tools do just
        before; the latter is caught by the next look.
        """
        self._touch(one)
        self.flush()
        self._touch(one)

    def _touch(self, one: LabelEntry) -> None:
        one.dirty.add(current_index(self.viewer, one.entry))
        one.touched = time.monotonic()

    def _all_touched(self, one: LabelEntry) -> None:
        if one.layer.data.shape == one.entry.shape:
            one.dirty.update(one.planes())
            one.touched = time.monotonic()

    def flush(self, *, settled: bool = False) -> None:
        """Changed planes go to the journal and the engine; ``settled`` waits for a pause."""
        for one in list(self.labels.values()):
            if not one.dirty or (settled and time.monotonic() - one.touched < SETTLE):
                continue
            dirty, one.dirty = one.dirty, set()
            for index in sorted(dirty):
                before = labels.changed(one, index)
                if before is None:
                    continue
                try:
                    self.project.record(one, before, index)
                except UserError as error:
                    self.tell("error", str(error))
                if one.entry.ready:
                    self.send(LabelsChanged(image=one.entry.id, index=index))
                self.project_changed.emit()

    # ------------------------------------------------------------ classes and regions

    def add_class(self, name: str = "") -> None:
        """One class more, with the next colour."""
        number = len(self.classes)
        new = default_classes(number + 1)[-1]
        self.classes.append(ClassInfo(name=name or new.name, color=new.color))
        self._classes_changed()

    def rename_class(self, number: int, name: str | None = None, color: str | None = None) -> None:
        """Another name or colour for a class."""
        old = self.classes[number]
        self.classes[number] = ClassInfo(name=name or old.name, color=color or old.color)
        self._classes_changed()

    def _classes_changed(self) -> None:
        for one in self.labels.values():
            colors = labels.colors_of(one.kind, self.classes)
            if colors is not None:
                one.layer.colormap = colors
        self.project.update_classes(self.labels.values(), self.classes)
        if self.watch_array is not None and len(self.watch_array) != len(self.classes):
            self.rewatch(self._watching)  # the engine writes one plane a class
        self.classes_changed.emit()

    def pick_class(self, number: int) -> None:
        """Paint this class next."""
        if self.current is None or self.current.id not in self.labels:
            return
        one = self.labels[self.current.id]
        one.layer.selected_label = number + 1 if one.kind == "scribbles" else number
        one.layer.mode = "paint" if one.layer.selected_label else "erase"
        self.viewer.layers.selection.active = one.layer

    def region_layer(self, entry: ImageEntry) -> Any:
        """``<image>: fully annotated``, a Shapes layer, made if needed. Raises UserError."""
        if entry.id not in self.labels:
            raise UserError("Make labels for this image first, then mark where they are complete.")
        layer = self.regions.get(entry.id)
        if layer is None or layer not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            layer = self.viewer.add_shapes(
                None,
                ndim=len(entry.shape),
                name=f"{entry.name}: fully annotated",
                edge_color="#00d0ff",
                face_color="#00d0ff18",
                edge_width=2,
                metadata=derived.note(entry, "regions"),
                **derived.placement(entry),
            )
            self.regions[entry.id] = layer
            self.listen(layer.events.data, lambda e: self.read_regions(entry))
            if active is not None:
                self.viewer.layers.selection.active = active
        return layer

    def mark_complete(self, entry: ImageEntry, box: Any) -> None:
        """Mark a box of the current plane as fully annotated. Raises UserError."""
        layer = self.region_layer(entry)
        index = current_index(self.viewer, entry)
        (top, bottom), (left, right) = box
        corners = [(top, left), (top, right - 1), (bottom - 1, right - 1), (bottom - 1, left)]
        layer.add_rectangles(np.array([[*index, *c] for c in corners], float))
        self.read_regions(entry)

    def read_regions(self, entry: ImageEntry) -> None:
        """Make the mask of what is fully annotated anew."""
        one, layer = self.labels.get(entry.id), self.regions.get(entry.id)
        if one is None or layer is None:
            return
        mask = labels.rasterise(layer, entry)
        for index in one.planes():
            if np.array_equal(mask[index], one.regions[index]):
                continue
            before = np.array(one.regions[index])
            one.regions[index] = mask[index]
            try:
                self.project.record_regions(one, before, index)
            except UserError as error:
                self.tell("error", str(error))
            if entry.ready:
                self.send(LabelsChanged(image=entry.id, index=index))

    # ------------------------------------------------------------ looking

    def _watch(self) -> None:
        """Ask for a prediction of what is on screen when that has settled."""
        entry = self.current
        active = self.has_model or self.training.running
        wanted = None
        if entry is not None and entry.ready and active and self.shown:
            wanted = (entry.id, current_index(self.viewer, entry), visible_box(entry))
        since, last = self._wanted
        if wanted != last:
            self._wanted = (time.monotonic(), wanted)
            if self._watching is not None or wanted is None:
                return
        elif time.monotonic() - since < 0.2 or wanted == self._watching:
            return
        if wanted == self._watching:
            return
        self.rewatch(wanted)

    def rewatch(self, wanted: tuple[str, Index, Any] | None) -> None:
        """Have another region predicted, or none."""
        old, self._watching = self._watch_ref, wanted
        self.watch_array, self._watch_ref = None, None
        if wanted is None:
            self.send(Unwatch())
        else:
            image, index, box = wanted
            try:
                shape = (len(self.classes), *(b - a for a, b in box))
                self._watch_ref, self.watch_array = self.engine.allocate(shape, np.float32)
            except UserError as error:
                self.tell("error", str(error))
                return
            self.send(Watch(image=image, index=index, box=box, array=self._watch_ref))
        if old is not None:
            self.engine.release(old)

    @property
    def watching(self) -> tuple[str, Index, Any] | None:
        """(image id, index, box) that is being predicted."""
        return self._watching

    def entry_of(self, image_id: str) -> ImageEntry | None:
        """The image with an id, while its layer exists."""
        return next((e for e in self.images.values() if e.id == image_id), None)

    def model_loaded(self, result: dict[str, Any]) -> None:
        """The engine has a model from a file: its classes and settings are ours now."""
        header = result.get("header", result)
        described = header.get("classes", [])
        if described:
            self.classes[:] = [ClassInfo(name=c["name"], color=c["color"]) for c in described]
            self._classes_changed()
        self.has_model = True
        history = header.get("history", {})
        if not self.training.step:
            self.training.step = int(history.get("steps", 0))
        self.training.checkpoint_step = int(history.get("steps", 0))
        self.tell("info", f"The model ({header.get('network', 'network')}) is loaded.")
        self.training_changed.emit()

    # ------------------------------------------------------------ ending

    def save_curves(self, *, now: bool = False) -> None:
        """Keep the curves in the project, not too often."""
        if now or time.monotonic() - self._saved_curves > 15:
            self._saved_curves = time.monotonic()
            self.project.save_curves(self.training.curves())

    def _layer_removed(self, event: Any) -> None:
        layer = event.value
        entry = self.images.get(id(layer))
        if entry is not None:
            self.flush()
            self.forget_image(entry)
        for image_id, one in list(self.labels.items()):
            if one.layer is layer:
                del self.labels[image_id]
                self.send(RemoveLabels(image=image_id))
                self.images_changed.emit()
        for image_id, regions in list(self.regions.items()):
            if regions is layer:
                del self.regions[image_id]

    def listen(self, emitter: Any, callback: Callable[..., None]) -> None:
        """Connect for as long as the session lives."""
        emitter.connect(callback)
        self._disconnect.append(lambda: emitter.disconnect(callback))

    def close(self) -> None:
        """Keep everything, end the engine, let go of the viewer."""
        if self.closed:
            return
        self.flush()
        self.save_curves(now=True)
        self.closed = True
        for disconnect in self._disconnect:
            try:
                disconnect()
            except (RuntimeError, ValueError):
                log.debug("a layer had gone already")
        self._disconnect.clear()
        self.project.close()
        self.engine.close()
