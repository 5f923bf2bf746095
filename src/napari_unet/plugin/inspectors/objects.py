"""From a prediction to objects while one looks, and from objects to a table that is linked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QGridLayout

from napari_unet.errors import UserError
from napari_unet.measurements.objects import Recipe, make_objects
from napari_unet.measurements.sources import Source
from napari_unet.measurements.table import Table, measure, to_csv
from napari_unet.plugin import derived
from napari_unet.plugin.inspectors.background import Background, Failure, Stale
from napari_unet.plugin.inspectors.layer_dock import LayerDock
from napari_unet.plugin.inspectors.linking import LabelLink
from napari_unet.plugin.inspectors.object_sources import (
    KEPT,
    PREVIEW,
    image_name,
    is_grey,
    is_source,
    kind_of,
    on_screen,
    scale_of,
)
from napari_unet.plugin.inspectors.places import go_to, placement_of, spatial_dims
from napari_unet.plugin.inspectors.recipe_form import RecipeForm
from napari_unet.plugin.inspectors.shown_plane import ShownPlane
from napari_unet.plugin.inspectors.tables import RowTable
from napari_unet.plugin.widgets import button, words
from napari_unet.project.files import atomic, disk_error

REST = 200
"""Milliseconds that the knobs must rest before objects are made anew."""
SOURCE_REST = 600
"""The same for a source that changes, which may be painted on."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Objects of one frame, to be shown."""

    index: tuple[int, ...]
    objects: Any


class ObjectsDock(LayerDock):
    """The dock "U-Net: Objects"."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "napari_unet_objects")
        self.layer: Any = None
        self.measured: Table | None = None
        self._link: LabelLink | None = None
        self._of: Any = None
        self._plane: ShownPlane | None = None
        self._follows = False
        """A prediction that goes on is what is waited for."""
        self._listened: list[tuple[Any, Any]] = []
        self._background = Background(self._show, self._refresh)
        self.source = self.layer_combo(
            "source_combo",
            "A probability of the foreground, or Labels: classes, or the numbers of objects",
            is_source,
        )
        self.image = self.layer_combo(
            "image_combo", "Measure the brightness of this image, too", is_grey
        )
        self.volume = QCheckBox("z is depth: objects go through slices")
        self.volume.setObjectName("volume")
        self.form = RecipeForm()
        self.live = QCheckBox("live")
        self.live.setObjectName("live")
        self.live.setChecked(True)
        self.live.setToolTip("Make the objects anew whenever a knob is turned")
        self.update_button = button("Update", "Make and measure the objects", self.guard(self._go))
        self.undo = button("Undo", "Back to the knobs before", self.guard(self._undo))
        self.remove = button("Remove", "Take the preview away", self.guard(self._remove))
        self.keep = button(
            "Keep",
            "The preview becomes a layer of its own; the next one is new",
            self.guard(self._keep),
        )
        self.export = button("Export CSV", "Write the table", self.guard(self._export))
        self.table = RowTable("objects_table")
        self.table.chosen.connect(self.guard(self._chosen))
        self.line = words(faint=True)
        self.line.setObjectName("objects_line")
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self._build()
        self._guess()
        self._refresh()

    def _build(self) -> None:
        self.form.changed.connect(self.guard(lambda: self._later(REST)))
        self.source.currentIndexChanged.connect(self.guard(lambda *_: self._source_chosen()))
        self.image.currentIndexChanged.connect(self.guard(lambda *_: self._later(REST)))
        self.volume.toggled.connect(self.guard(lambda *_: self._later(REST)))
        self.live.toggled.connect(self.guard(lambda *_: self._later(REST)))
        self.timer.timeout.connect(self.guard(self._rested))
        self.listen(self.viewer.layers.events.removed, self._layer_removed)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        top.addRow("From", self.source)
        top.addRow(self.volume)
        bottom = QFormLayout()
        bottom.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        bottom.addRow("Brightness of", self.image)
        buttons = QGridLayout()
        for number, widget in enumerate(
            (self.live, self.update_button, self.undo, self.remove, self.keep, self.export)
        ):
            buttons.addWidget(widget, number // 3, number % 3)
        self.content.addLayout(top)
        self.content.addWidget(self.form)
        self.content.addLayout(bottom)
        self.content.addLayout(buttons)
        self.content.addWidget(self.line)
        self.content.addWidget(self.table, 1)

    # ------------------------------------------------------------ the source

    def refresh_layers(self, event: Any = None) -> None:
        super().refresh_layers(event)
        self._guess()

    def _guess(self) -> None:
        """Choose what is probably meant, where nothing is chosen."""
        if self.source.layer is None:
            by_role = {derived.role(one): one for one in self.viewer.layers if is_source(one)}
            for role in ("probability", "prediction", "objects"):
                if role in by_role:
                    self.source.choose(by_role[role])
                    return

    def _source_chosen(self) -> None:
        layer = self.source.layer
        if layer is None or layer is self._of:
            return
        self._unlisten_source()
        self._of = layer
        self._plane = ShownPlane(self.viewer, layer, self._predicted)
        events = [layer.events.data]
        if layer._type_string == "labels":
            events += [layer.events.labels_update, layer.events.paint]
        for emitter in events:
            emitter.connect(self._source_changed)
            self._listened.append((emitter, self._source_changed))
        probability = layer._type_string == "image"
        recipe = Recipe()
        if not probability:
            kind = kind_of(layer)
            recipe = Recipe("as they are" if kind == "objects" else "components")
        self.form.offer(probability, recipe)
        three = spatial_dims(layer, layer.ndim) == 3
        self.volume.blockSignals(True)
        self.volume.setChecked(three)
        self.volume.blockSignals(False)
        self.volume.setVisible(layer.ndim > 2)
        self._later(0)

    def _unlisten_source(self) -> None:
        for emitter, callback in self._listened:
            emitter.disconnect(callback)
        self._listened.clear()
        if self._plane is not None:
            self._plane.release()
            self._plane = None
        self._of = None

    def _source_changed(self, event: Any = None) -> None:
        self._later(SOURCE_REST)

    def _predicted(self) -> None:
        # Does not wait for a rest, nor make what is under way stale: during training none may come.
        if not self.timer.isActive():
            self._later(SOURCE_REST)
            self._follows = True

    # ------------------------------------------------------------ making

    def _later(self, milliseconds: int) -> None:
        """Make the objects once nothing has changed for a while."""
        self._follows = False
        if self.live.isChecked() and self.source.layer is not None and not self.released:
            self.timer.start(milliseconds)

    def _rested(self) -> None:
        if self._follows and self._background.busy:
            self.timer.start(SOURCE_REST)
        else:
            self._go()

    def _go(self) -> None:
        layer, image = self.source.layer, self.image.layer
        if layer is None:
            raise UserError("Choose a prediction first: a probability or a Labels layer.")
        self.timer.stop()
        self.form.remember()
        recipe = self.form.recipe
        probability = layer._type_string == "image"
        source = Source.of(layer.data, 3 if self.volume.isChecked() else 2, probability)
        if len(source.shape) < source.dims:
            raise UserError(f"{layer.name} has no depth: take the tick from 'z is depth'.")
        if image is not None and tuple(image.data.shape) != source.shape:
            raise UserError(
                f"{image.name} has the size {image.data.shape}, {layer.name} {source.shape}: "
                "choose an image of the same size for the brightness."
            )
        dropped = int(source.class_axis)
        scale = scale_of(layer, source.dims)
        names = [str(a) for a in layer.axis_labels[dropped:]][: len(source.leading)]
        names = [n if n.isalpha() else f"axis_{i}" for i, n in enumerate(names)]
        first = on_screen(self.viewer, layer, source, dropped)
        pixels = None if image is None else image.data
        self._prepare_layer(layer, source, dropped, recipe)

        def work(stale: Stale) -> Iterator[Any]:
            made = {}
            for index in source.indices(first):
                if stale():
                    return
                made[index] = make_objects(source.frame(index), recipe, scale.spacing)
                yield Frame(index, made[index])
            bright = (
                (i, o, None if pixels is None else np.asarray(pixels[i])) for i, o in made.items()
            )
            yield measure(bright, scale, names)

        self._background.start(work)

    def _prepare_layer(self, of: Any, source: Source, dropped: int, recipe: Recipe) -> None:
        """The preview, made anew only where it cannot be updated in place."""
        note = {
            "image": image_name(of),
            "role": PREVIEW,
            "source": of.name,
            "recipe": asdict(recipe),
        }
        if self.layer is not None and (
            self.layer.data.shape != source.shape
            or self.layer.metadata[derived.KEY]["source"] != of.name
        ):
            self._remove()
        if self.layer is not None:
            self.layer.metadata[derived.KEY] = note
            return
        active = self.viewer.layers.selection.active
        self.layer = self.viewer.add_labels(
            np.zeros(source.shape, np.int32),
            name=f"{of.name}: objects",
            opacity=0.6,
            metadata={derived.KEY: note},
            **placement_of(of, dropped),
        )
        if active is not None and active.mode != "pan_zoom":  # a brush stays in the hand
            self.viewer.layers.selection.active = active
        self._link = LabelLink(self.layer, self._picked)

    # ------------------------------------------------------------ showing

    def _show(self, part: Any) -> None:
        if isinstance(part, Failure):
            self.tell(part.message, "error")
        elif isinstance(part, Frame):
            if self.layer is not None:
                self.layer.data[part.index] = part.objects
                self.layer.refresh()
        elif isinstance(part, Table):
            self._show_table(part)
        self._refresh()

    def _show_table(self, table: Table) -> None:
        label = self.layer.selected_label if self.layer is not None else 0
        self.measured = table
        about = [(h, c.about) for h, c in zip(table.headings(), table.columns, strict=True)]
        self.table.fill(about, [row.values for row in table.rows])
        if self._row_of(label) is not None:
            self.table.choose(self._row_of(label))

    def _refresh(self) -> None:
        if self.released:
            return
        rows = len(self.measured.rows) if self.measured is not None else 0
        text = f"{rows} objects" if rows != 1 else "1 object"
        if self._background.busy:
            text = "making objects ..."
        elif self.measured is None:
            text = "Choose a prediction; every knob shows its effect at once."
        self.line.setText(text)
        self.undo.setEnabled(self.form.can_undo)
        back = self.form.changed_since()
        self.undo.setToolTip(f"Back to: {back}" if back else "Back to the knobs before")
        for widget in (self.remove, self.keep):
            widget.setEnabled(self.layer is not None)
        self.export.setEnabled(rows > 0)

    # ------------------------------------------------------------ the link

    def _chosen(self, number: int) -> None:
        """A row was chosen: the object stands in the middle and is the selected label."""
        if self.layer is None or self._link is None or self.measured is None:
            raise UserError("The layer of these objects is gone: press Update to make it anew.")
        row = self.measured.rows[number]
        self.layer.visible = True
        self._link.select(row.label)
        go_to(self.viewer, self.layer, row.centre, row.sides)

    def _picked(self, label: int) -> None:
        self.table.choose(self._row_of(label))

    def _row_of(self, label: int) -> int | None:
        """The row of a label; of several frames that of the one that is shown, if it has one."""
        if self.measured is None or self.layer is None:
            return None
        point = np.asarray(self.viewer.dims.point, float)[-self.layer.ndim :]
        here = np.round(self.layer.world_to_data(point))
        found = [n for n, row in enumerate(self.measured.rows) if row.label == label]
        shown = [
            n for n in found if all(here[a] == i for a, i in enumerate(self.measured.rows[n].index))
        ]
        return next(iter(shown + found), None)

    # ------------------------------------------------------------ buttons

    def _undo(self) -> None:
        if self.form.undo():
            self._go()

    def _remove(self) -> None:
        layer = self.layer
        self._background.stop()
        self.timer.stop()
        self._forget_layer()
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _keep(self) -> None:
        if self.layer is None:
            return
        if self._background.busy:
            raise UserError("The objects are still being made: try again in a moment.")
        layer, rows = self.layer, len(self.measured.rows) if self.measured else 0
        layer.metadata[derived.KEY]["role"] = KEPT
        name = f"{layer.name} (kept)"
        self._forget_layer()
        layer.name = name
        self.tell(f"{layer.name}: {rows} objects. The next change makes a new preview.")

    def _export(self) -> None:
        if self.measured is None:
            raise UserError("There is nothing to write yet: make objects first.")
        path, _ = QFileDialog.getSaveFileName(self, "Export table", "objects.csv", "CSV (*.csv)")
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(path + ".csv")
        try:
            with atomic(target) as file:
                file.write(to_csv(self.measured).encode())
        except OSError as error:
            raise disk_error(error, str(target)) from error
        self.tell(f"{len(self.measured.rows)} objects were written to {target.name}.")

    # ------------------------------------------------------------ ending

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._background.stop()
            self._forget_layer()
        if event.value is self._of:
            self._unlisten_source()

    def _forget_layer(self) -> None:
        self.layer = None
        self.measured = None
        if self._link is not None:
            self._link.release()
            self._link = None
        self.table.fill((), ())
        self._refresh()

    def release(self) -> None:
        """The preview stays as a layer, but is no longer linked."""
        if self.released:
            return
        super().release()
        self.timer.stop()
        self._background.stop()
        self._unlisten_source()
        if self._link is not None:
            self._link.release()
            self._link = None
