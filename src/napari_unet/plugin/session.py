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
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils import notifications
from psygnal import Signal

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.client import EngineClient
from napari_unet.engine.inspecting import SnapshotKept
from napari_unet.engine.protocol import (
    Box,
    ClassInfo,
    Event,
    Index,
    NetworkMeasured,
)
from napari_unet.errors import UserError
from napari_unet.model.header import default_classes
from napari_unet.plugin import classes, dims, opening, outputs, painting, regions
from napari_unet.plugin.correcting import Correcting
from napari_unet.plugin.engine_events import handle
from napari_unet.plugin.first_answers import FirstAnswers
from napari_unet.plugin.forecasting import Forecasting
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.leftovers import Leftovers
from napari_unet.plugin.looking import Looking
from napari_unet.plugin.project_link import ProjectLink
from napari_unet.plugin.state import Job, TileRow, TrainingState
from napari_unet.training.presets import presets

log = logging.getLogger(__name__)


class Session:
    """Images, labels, training and results of one viewer.

    Signals carry nothing: who listens reads the state. ``told`` carries (level, sentence),
    ``job_ended`` the JobFinished or JobFailed of a job that was known.
    """

    told = Signal(str, str)
    images_changed = Signal()
    classes_changed = Signal()
    training_changed = Signal()
    curves_changed = Signal()
    jobs_changed = Signal()
    job_ended = Signal(object)
    tiles_changed = Signal()
    project_changed = Signal()
    settings_changed = Signal()
    history_changed = Signal()
    figures_changed = Signal()

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
        self.attached: dict[tuple[int, str], LabelEntry] = {}
        self.regions: dict[str, Any] = {}
        self.jobs: dict[str, Job] = {}
        self.tiles: dict[tuple[Index, int], TileRow] = {}
        self.tiles_of: ImageEntry | None = None
        self.outputs: dict[str, outputs.Outputs] = {}
        self.shown: set[str] = {"prediction"}
        self.history: list[SnapshotKept] = []
        self.figures: dict[tuple[str, str], NetworkMeasured] = {}
        """By recipe and network: what it costs on this machine."""
        self.rotations = False
        self.own_size = False
        """Average eight views: what the recipe of the model says, until the user says otherwise."""
        self.network = "unet"
        self.preset = "live"
        self.settings: dict[str, Any] = {}
        self.dims = 2
        """Spatial axes of the network: 3 takes the planes of a stack together. Here, in the window,
        everything is done plane by plane all the same."""
        self.seed = 0
        self.device = "auto"
        self.certificate: dict[str, Any] | None = None
        self.has_model = False
        self.model_classes = self.painted_classes = 2
        self.engine_text = "The engine is starting ..."
        self.current: ImageEntry | None = None
        self.closed = False
        self.numbers = 0
        self.engine_was_ready = False
        self.looking = Looking(self)
        self.leftovers = Leftovers(self)
        self.correcting = Correcting(self)
        self.first_answers = FirstAnswers(self)
        self.forecasting = Forecasting(self)
        self._later: deque[Callable[[], None]] = deque()
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
        if not len(self.told) and not self.closed:  # only inspectors are open: nobody would show it
            self.viewer.status = message
            if level == "warning":
                notifications.show_warning(message)
            elif level == "error":
                notifications.show_error(message)
        self.told.emit(level, message)

    def tick(self) -> None:
        """Everything that happens by itself: called about twenty times a second."""
        if self.closed:
            return
        while self._later:
            self._guarded(self._later.popleft())
        painting.flush(self, settled=True)
        self._guarded(partial(self.project.keep_settings, self))
        self._guarded(partial(self.project.keep_looks, self))
        self._guarded(partial(self.project.keep_pixels, self))
        for event in self.engine.poll():
            self._guarded(partial(self.handle, event))
        for text in self.project.take_notes():
            self.tell("warning", text)
        self.looking.tick()
        self.leftovers.tick()
        self.first_answers.tick()
        self.forecasting.tick()

    def later(self, act: Callable[[], None]) -> None:
        """Do it in the next tick; any thread may ask for it."""
        self._later.append(act)

    def _guarded(self, act: Callable[[], None]) -> None:
        """What goes wrong in one must not lose those after it."""
        try:
            act()
        except UserError as error:
            self.tell("error", str(error))
        except Exception as error:
            log.exception("taking in what came")
            reason = f"{type(error).__name__}: {error}"
            self.tell("error", f"An answer of the engine could not be shown ({reason}): see log.")

    def handle(self, event: Event) -> None:
        """One event of the engine."""
        handle(self, event)

    def use_preset(self, name: str) -> None:
        """Train by another recipe, and predict as it says."""
        self.preset = name
        if name in presets():
            self.rotations = presets()[name].rotations

    # ------------------------------------------------------------ images

    def use_image(self, layer: Any, axes: str | None = None) -> ImageEntry:
        """See :func:`opening.use_image`."""
        return opening.use_image(self, layer, axes)

    def open_in_engine(self, entry: ImageEntry) -> None:
        """See :func:`opening.open_in_engine`."""
        opening.open_in_engine(self, entry)

    def when_read(self, entry: ImageEntry, act: Callable[[], None]) -> None:
        """See :func:`opening.when_read`."""
        opening.when_read(self, entry, act)

    def forget_image(self, entry: ImageEntry) -> None:
        """See :func:`opening.forget_image`."""
        opening.forget_image(self, entry)

    def entry_of(self, image_id: str) -> ImageEntry | None:
        """The image with an id, while its layer exists."""
        return next((e for e in self.images.values() if e.id == image_id), None)

    def engine_dims(self, entry: ImageEntry) -> int:
        """See :func:`dims.engine_dims`."""
        return dims.engine_dims(self, entry)

    def engine_index(self, entry: ImageEntry, index: Index) -> Index:
        """See :func:`dims.engine_index`."""
        return dims.engine_index(self, entry, index)

    def set_dims(self, number: int) -> None:
        """See :func:`dims.set_dims`."""
        dims.set_dims(self, number)

    def know_dims(self, number: int) -> None:
        """See :func:`dims.know_dims`."""
        dims.know_dims(self, number)

    # ------------------------------------------------------------ labels

    def new_labels(self, entry: ImageEntry, kind: LabelKind = "scribbles") -> LabelEntry:
        """See :func:`painting.new_labels`."""
        return painting.new_labels(self, entry, kind)

    def use_labels(
        self, entry: ImageEntry, layer: Any, kind: LabelKind, *, kept: str | None = None
    ) -> LabelEntry:
        """See :func:`painting.use_labels`."""
        return painting.use_labels(self, entry, layer, kind, kept=kept)

    def adopt_labels(self, entry: ImageEntry) -> None:
        """See :func:`painting.adopt_labels`."""
        painting.adopt_labels(self, entry)

    def stroke(self, one: LabelEntry) -> None:
        """A stroke was finished on the current plane."""
        painting.stroke(self, one)

    def flush(self) -> None:
        """Everything that was painted goes to the journal and the engine."""
        painting.flush(self)

    # ------------------------------------------------------------ classes and regions

    def add_class(self, name: str = "") -> None:
        """See :func:`classes.add`."""
        classes.add(self, name)

    def set_classes(self, described: list[ClassInfo]) -> None:
        """See :func:`classes.replace`."""
        classes.replace(self, described)

    def rename_class(self, number: int, name: str | None = None, color: str | None = None) -> None:
        """See :func:`classes.rename`."""
        classes.rename(self, number, name, color)

    def pick_class(self, number: int) -> None:
        """See :func:`classes.pick`."""
        classes.pick(self, number)

    def region_layer(self, entry: ImageEntry) -> Any:
        """See :func:`regions.region_layer`."""
        return regions.region_layer(self, entry)

    def mark_complete(self, entry: ImageEntry, box: Box) -> None:
        """See :func:`regions.mark_complete`."""
        regions.mark_complete(self, entry, box)

    # ------------------------------------------------------------ jobs

    def drop_job(self, job_id: str, reason: str = "") -> None:
        """A job will not be done: ``reason``, or it was cancelled."""
        job = self.jobs.pop(job_id, None)
        outputs.drop(self, job_id)
        self.jobs_changed.emit()
        if job is not None and job.refused is not None:
            job.refused(reason or f"{job.what} was cancelled.")

    # ------------------------------------------------------------ ending

    def save_as(self, folder: str | Path) -> None:
        """Go on in a copy of the project, with all that is on screen. Raises UserError."""
        self.flush()
        self._keep_shown()
        self.project.save_as(folder)

    def _keep_shown(self) -> None:
        self._guarded(partial(self.project.keep_looks, self, now=True))
        self._guarded(partial(self.project.keep_pixels, self, now=True))

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
            self._keep_shown()
            self.forget_image(entry)
        for image_id, one in list(self.labels.items()):
            if one.layer is layer:
                painting.forget_labels(self, image_id)
        self.attached = {k: one for k, one in self.attached.items() if one.layer is not layer}
        for image_id, drawn in list(self.regions.items()):
            if drawn is layer:
                del self.regions[image_id]
                # Not when all layers go because the window does.
                self.later(partial(regions.forget_regions, self, image_id))

    def listen(self, emitter: Any, callback: Callable[..., None]) -> None:
        """Connect for as long as the session lives."""
        emitter.connect(callback)
        self._disconnect.append(lambda: emitter.disconnect(callback))

    def close(self) -> None:
        """Keep everything, end the engine, let go of the viewer."""
        if self.closed:
            return
        self.flush()
        self._guarded(partial(self.project.keep_settings, self))
        self._keep_shown()
        self._guarded(partial(self.save_curves, now=True))
        self.forecasting.close()
        self.closed = True
        for disconnect in self._disconnect:
            try:
                disconnect()
            except (RuntimeError, ValueError):
                log.debug("a layer had gone already")
        self._disconnect.clear()
        self._guarded(self.project.close)
        self.engine.close()
