"""Layers of results, predicting, accepting, tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.plugin import attention, derived, predicting, screen_first
from napari_unet.plugin.accept import accept_box, accept_object
from napari_unet.plugin.images import ImageEntry
from napari_unet.plugin.labels import LabelEntry
from napari_unet.plugin.session import Session
from napari_unet.plugin.state import TileRow
from napari_unet.plugin.visible import current_index
from napari_unet.plugin.widgets import Section, button

COLUMNS = ("plane", "tile", "confid.", "entropy", "foregr.", "loss")
MOST_ROWS = 2000
"""More tiles than these are not listed: those with the greatest entropy are."""


class ResultSection(Section):
    """What comes out of the network, and what to do with it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.boxes: dict[str, QCheckBox] = {}
        for name, tip in (
            ("prediction", "The class of each pixel, refreshed while training"),
            ("probability", "How likely each pixel is foreground"),
            ("uncertainty", "Where the network does not know: entropy, 0 to 1"),
            ("objects", "Numbered objects; made by Predict image"),
        ):
            box = QCheckBox(name)
            box.setObjectName(f"show_{name}")
            box.setToolTip(tip)
            box.setChecked(name in session.shown)
            box.toggled.connect(self.guard(lambda on, name=name: self._show(name, on)))
            self.boxes[name] = box
        self.at_once = QCheckBox("answer before training")
        self.at_once.setObjectName("answer_at_once")
        self.at_once.setChecked(session.first_answers.on)
        self.at_once.toggled.connect(lambda on: setattr(session.first_answers, "on", on))
        self.at_once.setToolTip(
            "Show what the start weights make of your strokes before you press Train"
        )
        self.rotations = QCheckBox("average 8 views")
        self.rotations.setObjectName("average_views")
        self.rotations.setChecked(session.rotations)
        self.rotations.toggled.connect(lambda on: setattr(session, "rotations", on))
        self.rotations.setToolTip(
            "Average the image and its seven rotated and mirrored versions: better, 8 times slower"
        )
        self.own_size = QCheckBox("own size")
        self.own_size.setObjectName("own_size")
        self.own_size.setChecked(session.own_size)
        self.own_size.toggled.connect(self.guard(self._size_chosen))
        self.own_size.setToolTip(
            "Never enlarge images whose objects are smaller than those that were trained on"
        )
        self.accept_rectangle = self._mode_button(
            "Accept rectangle", "Drag a rectangle: the prediction in it becomes labels (Ctrl-Z)"
        )
        self.accept_object = self._mode_button(
            "Accept object", "Click a predicted object: it becomes a label (Ctrl-Z takes it back)"
        )
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setObjectName("tiles_table")
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.cancel = button("Cancel", "End this within one tile", self.guard(self._cancel))
        self._rows: list[TileRow] = []
        self._build()
        self.accept_rectangle.toggled.connect(self.guard(self._modes_changed))
        self.accept_object.toggled.connect(self.guard(self._modes_changed))
        session.viewer.mouse_drag_callbacks.append(self._mouse)
        self.listen(session.jobs_changed, self.refresh_jobs)
        self.listen(session.tiles_changed, self.refresh_tiles)
        self.listen(session.settings_changed, self.refresh_attention)
        self.listen(session.settings_changed, self.refresh_rotations)
        self.refresh_jobs()
        self.refresh_tiles()
        self.refresh_attention()

    def release(self) -> None:
        """Let go of the viewer's mouse, too."""
        super().release()
        callbacks = self.session.viewer.mouse_drag_callbacks
        if self._mouse in callbacks:
            callbacks.remove(self._mouse)

    @staticmethod
    def _mode_button(text: str, tip: str) -> QPushButton:
        made = QPushButton(text)
        made.setObjectName(text.lower().replace(" ", "_"))
        made.setToolTip(tip)
        made.setCheckable(True)
        return made

    def _build(self) -> None:
        shown = QGridLayout()
        for number, box in enumerate(self.boxes.values()):
            shown.addWidget(box, number // 2, number % 2)
        shown.addWidget(self.at_once, 2, 0, 1, 2)
        accept = QHBoxLayout()
        accept.addWidget(self.accept_rectangle)
        accept.addWidget(self.accept_object)
        predict = QHBoxLayout()
        predict.addWidget(
            button(
                "Predict image",
                "Predict all planes of this image; of a very large one what is on screen first",
                self.guard(self._predict),
            )
        )
        predict.addWidget(self.rotations)
        predict.addWidget(self.own_size)
        more = QHBoxLayout()
        more.addWidget(
            button(
                "Boundary weights",
                "How much more the loss weighs the gaps between objects",
                self.guard(self._weights),
            )
        )
        more.addWidget(
            button(
                "Tiles",
                "The overlap-tile plan: what each tile predicts (yellow) and sees (blue)",
                self.guard(self._tiles),
                name="show_tiles",
            )
        )
        self.attention = button(
            "Attention",
            "Where the attention gates look on this plane: 0 is held back, 1 let through",
            self.guard(self._attention),
            name="show_attention",
        )
        more.addWidget(self.attention)
        job = QHBoxLayout()
        job.addWidget(self.progress, 1)
        job.addWidget(self.cancel)
        table = self.table
        table.setHorizontalHeaderLabels(COLUMNS)
        table.verticalHeader().setVisible(False)
        table.setSortingEnabled(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setMaximumHeight(150)
        table.setToolTip("What each tile gave; click a row to go there, a heading to sort")
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setStyleSheet("QHeaderView::section { padding: 1px; font-size: 9pt; }")
        header.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
        table.cellClicked.connect(self.guard(lambda row, _: self._go(row)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (shown, accept, predict, more, job):
            layout.addLayout(part)
        layout.addWidget(table)

    # ------------------------------------------------------------ showing

    def refresh_jobs(self) -> None:
        """Show the latest job."""
        jobs = [j for j in self.session.jobs.values() if j.cancellable]
        self.progress.setVisible(bool(jobs))
        self.cancel.setVisible(bool(jobs))
        if jobs:
            job = jobs[-1]
            self.progress.setRange(0, job.total)
            self.progress.setValue(job.done)
            self.progress.setFormat(job.text or f"{job.what} %p%")

    def refresh_attention(self) -> None:
        """The button is there for networks that have gates."""
        self.attention.setVisible(registry.spec(self.session.network).attention is not None)

    def refresh_rotations(self) -> None:
        """Another recipe or model may want another default."""
        self.rotations.setChecked(self.session.rotations)

    def refresh_tiles(self) -> None:
        """Fill the table."""
        rows = list(self.session.tiles.values())
        if len(rows) > MOST_ROWS:
            rows = sorted(rows, key=lambda t: -t.entropy)[:MOST_ROWS]
        self._rows = rows
        table = self.table
        table.setVisible(bool(rows))
        table.setColumnHidden(0, not any(row.index for row in rows))
        table.setSortingEnabled(False)
        table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            plane = row.index[0] if len(row.index) == 1 else ", ".join(map(str, row.index))
            results = (row.confidence, row.entropy, row.foreground, row.loss)
            numbers = ("-" if math.isnan(v) else round(v, 3) for v in results)
            for column, shown in enumerate((plane, row.number, *numbers)):
                item = QTableWidgetItem()
                item.setData(Qt.ItemDataRole.DisplayRole, shown)
                item.setData(Qt.ItemDataRole.UserRole, number)
                table.setItem(number, column, item)
        table.setSortingEnabled(True)

    # ------------------------------------------------------------ acting

    def _show(self, name: str, on: bool) -> None:
        session = self.session
        (session.shown.add if on else session.shown.discard)(name)
        current = session.current
        layer = derived.find(session.viewer, current, name) if current else None
        if layer is not None:
            layer.visible = on
        elif on:
            session.looking.again()

    def _entry(self) -> ImageEntry:
        if self.session.current is None:
            raise UserError("Open an image first.")
        return self.session.current

    def _predict(self) -> None:
        screen_first.predict(self.session, self._entry(), rotations=self.session.rotations)

    def _size_chosen(self, on: bool) -> None:
        self.session.own_size = on
        self.session.looking.again()

    def _weights(self) -> None:
        predicting.show_boundary_weights(self.session, self._entry())

    def _tiles(self) -> None:
        predicting.show_tiles(self.session, self._entry())

    def _attention(self) -> None:
        attention.show_attention(self.session, self._entry())

    def _cancel(self) -> None:
        for job in [j for j in self.session.jobs.values() if j.cancellable][-1:]:
            predicting.cancel(self.session, job.id)

    def _go(self, row: int) -> None:
        item = self.table.item(row, 1)
        if item is not None:
            predicting.go_to_tile(self.session, self._rows[item.data(Qt.ItemDataRole.UserRole)])

    def _modes_changed(self, on: bool) -> None:
        if not on:
            return
        for other in (self.accept_rectangle, self.accept_object):
            if other is not self.sender():
                other.setChecked(False)
        try:
            one, _ = self._labels_and_prediction()
        except UserError:
            self._end_accepting()
            raise
        # Painting and accepting must not happen with the same click.
        one.layer.mode = "pan_zoom"
        self.session.viewer.layers.selection.active = one.layer

    def _end_accepting(self) -> None:
        self.accept_rectangle.setChecked(False)
        self.accept_object.setChecked(False)

    def _labels_and_prediction(self) -> tuple[LabelEntry, Any]:
        """Where accepted pixels go, and where they come from: for ids, the objects on show."""
        entry, viewer = self._entry(), self.session.viewer
        one = self.session.labels.get(entry.id)
        if one is None:
            raise UserError("Make labels for this image first: accepted pixels are put there.")
        objects = derived.find(viewer, entry, "objects") if one.kind == "objects" else None
        if objects is not None and objects.visible:
            return one, objects
        prediction = derived.find(viewer, entry, "prediction")
        if prediction is None:
            raise UserError("There is no prediction to accept yet: press Train or Predict image.")
        return one, prediction

    def _mouse(self, viewer: Any, event: Any) -> Iterator[None] | None:
        if event.button != 1 or not (
            self.accept_rectangle.isChecked() or self.accept_object.isChecked()
        ):
            return None
        active = viewer.layers.selection.active
        if active is not None and active.mode != "pan_zoom":  # the user has taken up a brush
            self._end_accepting()
            return None
        return self._drag(event)

    def _drag(self, event: Any) -> Iterator[None]:
        start = self._pixel(event.position)
        event.handled = True
        yield
        while event.type == "mouse_move":
            event.handled = True
            yield
        end = self._pixel(event.position)
        self.guard(self._accept)(start, end)

    def _pixel(self, world: Any) -> tuple[int, ...]:
        """Row and column of the current image under a world position."""
        entry = self._entry()
        position = entry.layer.world_to_data(np.asarray(world)[-entry.layer.ndim :])
        spatial = entry.layer_axes()[-2:]
        return tuple(round(float(position[a])) for a in spatial)

    def _accept(self, start: tuple[int, ...], end: tuple[int, ...]) -> None:
        one, prediction = self._labels_and_prediction()
        index = current_index(self.session.viewer, one.entry)
        if self.accept_object.isChecked():
            count = accept_object(one.layer, prediction, one.kind, index, end)
        else:
            shape = one.entry.image.spatial_shape
            box = tuple(
                (max(0, min(a, b)), min(n, max(a, b) + 1))
                for a, b, n in zip(start, end, shape, strict=True)
            )
            if any(a >= b for a, b in box):
                return
            count = accept_box(one.layer, prediction, one.kind, index, box)
        self.session.stroke(one)
        text = f"{count} pixels accepted as labels." if count else "There was nothing to accept."
        self.session.tell("info", text)
