"""Time machine: the prediction then and now, wipe between them, roll back, keep as a model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QSlider

from napari_unet.engine.inspecting import PredictThen, SnapshotKept
from napari_unet.errors import UserError
from napari_unet.model.file import read_header
from napari_unet.plugin import derived
from napari_unet.plugin import training_control as control
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.inspectors.asking import Asker
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.widgets import button, words

WIPE = 100
PREDICTION, THEN = "prediction", "then and now"


class TimeMachineDock(InspectorDock):
    """A slider over the kept models; their prediction beside that of now, as one layer.

    While it compares, the layer of the present prediction is hidden: it is the right part of the
    layer of the comparison.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("time_machine_dock")
        self.asker = Asker(self)
        self.then: Any = None
        self.now: Any = None
        self.place: tuple[Any, ...] = ()
        self._asked: tuple[Any, ...] = ()
        self._told: tuple[Any, ...] = ()
        self._rolling: SnapshotKept | None = None
        self._hidden: Any = None
        self._chosen = ""
        self.moment = QSlider(Qt.Orientation.Horizontal)
        self.wipe = QSlider(Qt.Orientation.Horizontal)
        self.when, self.differs = words(), words()
        self._build()
        self.listen(self.session.history_changed, self._fill)
        self.listen(self.session.training_changed, self._ended)
        self._fill()

    def _build(self) -> None:
        self.moment.setObjectName("moment")
        self.moment.setPageStep(1)
        self.moment.setToolTip("A model that was kept along the training, the first at the left")
        self.moment.valueChanged.connect(self.guard(self._moved))
        self.wipe.setObjectName("wipe")
        self.wipe.setRange(0, WIPE)
        self.wipe.setValue(WIPE // 2)
        self.wipe.setToolTip("Left of it the prediction of then, right of it that of now")
        self.wipe.valueChanged.connect(self.guard(self._show))
        form = QFormLayout()
        form.addRow("model", self.moment)
        form.addRow("then | now", self.wipe)
        self.column.addLayout(form)
        self.when.setObjectName("when")
        self.differs.setObjectName("differs")
        self.column.addWidget(self.when)
        self.column.addWidget(self.differs)
        row = QHBoxLayout()
        self.back = button(
            "Roll back to it",
            "Make this the model again; training goes on from there. Labels stay as they are",
            self.guard(self._roll_back),
            name="roll_back",
        )
        self.keep = button(
            "Keep as a model", "Save it under a name", self.guard(self._keep), name="keep_model"
        )
        row.addWidget(self.back)
        row.addWidget(self.keep)
        self.column.addLayout(row)
        self.column.addWidget(self.message)
        self.column.addStretch(1)

    # ------------------------------------------------------------ which moment

    @property
    def chosen(self) -> SnapshotKept | None:
        """The kept model under the slider."""
        history = self.session.history
        number = self.moment.value()
        return history[number] if 0 <= number < len(history) else None

    def _fill(self) -> None:
        """The slider keeps its model, whatever comes or is thinned out; at the end it stays."""
        history = self.session.history
        paths = [one.path for one in history]
        at_end = self.moment.value() == self.moment.maximum()
        self.moment.blockSignals(True)
        self.moment.setRange(0, max(0, len(history) - 1))
        if self._chosen in paths and not at_end:
            self.moment.setValue(paths.index(self._chosen))
        elif at_end:
            self.moment.setValue(len(history) - 1)
        self.moment.blockSignals(False)
        self._moved()

    def _moved(self, *_: Any) -> None:
        one = self.chosen
        self._chosen = one.path if one is not None else ""
        for widget in (self.moment, self.wipe, self.back, self.keep):
            widget.setEnabled(one is not None)
        if one is None:
            self.when.setText("No model has been kept yet: they are, while training runs.")
            return
        seconds = int(one.seconds)
        loss = f", loss {one.loss:.3f}" if one.loss is not None else ""
        number, count = self.moment.value() + 1, len(self.session.history)
        self.when.setText(
            f"Step {one.step}, after {seconds // 60}:{seconds % 60:02d} of training{loss} "
            f"({number} of {count})"
        )

    # ------------------------------------------------------------ asking

    def look(self) -> None:
        """Ask for the prediction of then on what is on screen; show that of now as it comes."""
        session = self.session
        if not session.engine_was_ready:
            return
        self._know_history()
        entry, one = self.image(), self.chosen
        if entry is None or one is None or not entry.ready:
            return
        place = session.looking.part_of(entry)
        wanted = (
            one.path,
            place,
            getattr(session.engine, "pid", None),
        )  # a new engine is asked anew
        if wanted != self._asked and not self.asker.busy:
            self._asked = wanted
            self._ask(entry, one, place)
        elif place == self.place:
            self._follow(entry)

    def _know_history(self) -> None:
        """Each engine, and each project, is told once where models are kept."""
        folder = control.history_folder(self.session)
        key = (folder, getattr(self.session.engine, "pid", None))
        if folder is not None and key != self._told:
            self._told = key
            control.keep_history(self.session)

    def _ask(self, entry: ImageEntry, one: SnapshotKept, place: tuple[Any, ...]) -> None:
        _, index, box = place
        classes = len(read_header(one.path).classes) if Path(one.path).exists() else 2
        shape = (classes, *(b - a for a, b in box))
        ref, array = self.session.engine.allocate(shape, np.float32)

        def done(result: dict[str, Any]) -> None:
            if self.place and self.place[0] != place[0]:
                self._leave()
            self.then = np.asarray(array).argmax(0).astype(np.uint8)
            self.place, self.now = place, None
            self.say("")
            self._follow(entry)

        self.asker.ask(
            "Looking back",
            PredictThen,
            done,
            needs=entry,
            path=one.path,
            image=entry.id,
            index=index,
            box=box,
            array=ref,
        )

    def _follow(self, entry: ImageEntry) -> None:
        """Take the present prediction, if it is another than before."""
        _, index, box = self.place
        inside = (*index, *(slice(a, b) for a, b in box))
        layer = derived.find(self.viewer, entry, PREDICTION)
        now = (
            np.zeros_like(self.then) if layer is None else np.asarray(derived.pixels(layer)[inside])
        )
        if self.now is None or not np.array_equal(now, self.now):
            self.now = np.array(now)
            self._show()

    # ------------------------------------------------------------ showing

    def _show(self, *_: Any) -> None:
        entry = self.session.entry_of(self.place[0]) if self.place else None
        if entry is None or self.then is None or self.now is None:
            return
        _, index, box = self.place
        layer = self._layer(entry)
        split = round(self.then.shape[-1] * self.wipe.value() / WIPE)
        shown = self.now.copy()
        shown[..., :split] = self.then[..., :split]
        derived.write_box(layer, index, box, shown)
        part = float((self.then != self.now).mean())
        self.differs.setText(f"{part:.1%} of the pixels have another class now than then.")

    def _layer(self, entry: ImageEntry) -> Any:
        layer = derived.find(self.viewer, entry, THEN)
        if layer is None:
            colors = {i: c.color for i, c in enumerate(self.session.classes) if i}
            active = self.viewer.layers.selection.active
            layer = self.viewer.add_labels(
                np.zeros(entry.shape, np.uint8),
                name=f"{entry.name}: {THEN}",
                colormap=derived.colormap(colors),
                opacity=0.6,
                metadata=derived.note(entry, THEN),
                **derived.placement(entry),
            )
            if active is not None and active in self.viewer.layers:
                self.viewer.layers.selection.active = active
        present = derived.find(self.viewer, entry, PREDICTION)
        if present is not None and present is not self._hidden:
            self._hidden, present.visible = present, False
        return layer

    # ------------------------------------------------------------ acting

    def _one(self) -> SnapshotKept:
        one = self.chosen
        if one is None:
            raise UserError("No model has been kept yet: train first.")
        return one

    def _roll_back(self) -> None:
        one = self._one()
        if self.session.training.running:  # _ended() goes on
            self._rolling = one
            control.stop(self.session)
            self.say("Stopping the training ...")
        else:
            control.roll_back(self.session, one)

    def _ended(self) -> None:
        """Also while the dock is hidden: later it would undo what was trained meanwhile."""
        if self._rolling is not None and not self.session.training.running:
            kept, self._rolling = self._rolling, None
            self.guard(control.roll_back)(self.session, kept)

    def _keep(self) -> None:
        one = self._one()
        name, _ = QFileDialog.getSaveFileName(
            self, "Keep this model", f"step-{one.step}.unet", "Model (*.unet)"
        )
        if not name:
            return
        path = Path(name if name.endswith(".unet") else name + ".unet")

        def work() -> None:
            growing = path.with_name(path.name + ".part")
            try:
                shutil.copyfile(one.path, growing)
                growing.replace(path)
            except OSError as error:
                growing.unlink(missing_ok=True)
                raise UserError(
                    f"{path} could not be written ({error.strerror}): choose another place."
                ) from error

        self.in_background(work, lambda _: self.say(f"Kept as {path.name}."))

    def release(self) -> None:
        """Also shows the present prediction again."""
        if not self.released:
            super().release()
            self._leave()

    def _leave(self) -> None:
        """The image that was compared looks as it did before."""
        hidden, self._hidden = self._hidden, None
        if hidden is not None and hidden in self.viewer.layers:
            hidden.visible = True
        entry = self.session.entry_of(self.place[0]) if self.place else None
        layer = derived.find(self.viewer, entry, THEN) if entry is not None else None
        if layer is not None:
            self.viewer.layers.remove(layer)
