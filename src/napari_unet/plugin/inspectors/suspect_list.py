"""Labels that look wrong: a list; keep them, or take the network's answer, with undo."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_unet.annotations.kinds import LabelKind
from napari_unet.engine.inspecting import FindSuspects
from napari_unet.errors import UserError
from napari_unet.plugin.inspectors.asking import Asker
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.predicting import tile_size
from napari_unet.plugin.training_control import needs_model
from napari_unet.plugin.widgets import button, words

MOST = 5


class SuspectList(QWidget):
    """Finds, shows and settles them. ``dock`` is the dock it is part of."""

    def __init__(self, dock: InspectorDock) -> None:
        super().__init__()
        self._dock = dock
        self.asker = Asker(dock)
        self.suspects: list[dict[str, Any]] = []
        self.tiles: list[dict[str, Any]] = []
        self._image = ""
        self._kept: set[tuple[Any, ...]] = set()
        guard = dock.guard
        self.find = button(
            "Find labels that look wrong",
            "Predict the labelled planes and list where a sure network contradicts the labels",
            guard(self._find),
            name="find_suspects",
        )
        self.title = words()
        self.title.setObjectName("suspects_title")
        self.table = self._table("suspects", ["label", "network says", "pixels"])
        self.table.cellClicked.connect(guard(lambda row, _: self._go(self.suspects[row])))
        self.worst = self._table("tiles_by_loss", ["tile at (y, x)", "loss"])
        self.worst.cellClicked.connect(guard(lambda row, _: self._go_tile(self.tiles[row])))
        self.keep = button("It is right", "Keep this label", guard(self._keep), name="keep_label")
        self.fix = button(
            "Fix", "Take the network's answer there; can be undone", guard(self._fix), name="fix"
        )
        row = QHBoxLayout()
        row.addWidget(self.keep)
        row.addWidget(self.fix)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for one in (self.find, self.title, self.table):
            column.addWidget(one)
        column.addLayout(row)
        column.addWidget(self.worst)
        self._show()

    @staticmethod
    def _table(name: str, titles: list[str]) -> QTableWidget:
        table = QTableWidget(0, len(titles))
        table.setObjectName(name)
        table.setHorizontalHeaderLabels(titles)
        table.verticalHeader().hide()
        table.horizontalHeader().setStretchLastSection(True)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setMaximumHeight(170)
        return table

    def _find(self) -> None:
        entry = self._dock.image()
        if entry is None or entry.id not in self._dock.session.labels:
            raise UserError("There are no labels to look at: make or choose labels first.")
        needs_model(self._dock.session)
        if self.asker.busy:
            return
        self._dock.session.flush()
        self._image = entry.id
        self.title.setText("Looking ...")
        self.asker.ask(
            "Looking for wrong labels",
            FindSuspects,
            self._found,
            needs=entry,
            cancellable=True,
            image=entry.id,
            most=MOST + len(self._kept),
            tile=tile_size(entry),
        )

    def _found(self, result: dict[str, Any]) -> None:
        left = [s for s in result["suspects"] if self._key(s) not in self._kept]
        self.suspects, self.tiles = left[:MOST], result["tiles"]
        self._show()
        count = len(self.suspects)
        if not count:
            self.title.setText("No label looks wrong.")
        elif count == 1:
            self.title.setText("This label looks wrong: a click goes there.")
        else:
            self.title.setText(f"These {count} labels look wrong: a click goes there.")

    def failed(self) -> None:
        """Nothing is looked for any more."""
        self.title.setText("")

    def _key(self, suspect: dict[str, Any]) -> tuple[Any, ...]:
        return (self._image, *suspect["index"], *(p // 4 for p in suspect["place"]))

    def _show(self) -> None:
        self.table.setVisible(bool(self.suspects))
        self.worst.setVisible(bool(self.tiles))
        self.keep.setVisible(bool(self.suspects))
        self.fix.setVisible(bool(self.suspects))
        self.table.setRowCount(len(self.suspects))
        for row, one in enumerate(self.suspects):
            texts = (one["labelled_name"], one["predicted_name"], str(one["pixels"]))
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.worst.setRowCount(len(self.tiles))
        for row, one in enumerate(self.tiles):
            (top, _), (left, _) = one["box"]
            self.worst.setItem(row, 0, QTableWidgetItem(f"{top}, {left}"))
            self.worst.setItem(row, 1, QTableWidgetItem(f"{one['loss']:.3f}"))

    def _go(self, suspect: dict[str, Any]) -> None:
        entry = self._dock.session.entry_of(self._image)
        if entry is not None:
            go_to(self._dock.viewer, entry, suspect["index"], suspect["place"])

    def _go_tile(self, tile: dict[str, Any]) -> None:
        entry = self._dock.session.entry_of(self._image)
        if entry is not None:
            middle = [(a + b) / 2 for a, b in tile["box"]]
            go_to(self._dock.viewer, entry, tile["index"], middle, view=None)

    def _chosen(self) -> dict[str, Any]:
        row = self.table.currentRow()
        if not 0 <= row < len(self.suspects):
            raise UserError("Choose one of the labels in the list first.")
        return self.suspects.pop(row)

    def _keep(self) -> None:
        self._kept.add(self._key(self._chosen()))
        self._show()

    def _fix(self) -> None:
        one = self._dock.session.labels.get(self._image)
        if one is None:
            raise UserError("The labels were closed meanwhile: choose them again.")
        suspect = self._chosen()
        rows, columns = pixels_of(suspect["runs"])
        leading = [np.full(len(rows), i) for i in suspect["index"]]
        value = label_value(one.kind, suspect["predicted"], one.layer.data)
        one.layer.data_setitem((*leading, rows, columns), value)
        self._dock.session.stroke(one)
        self._show()


def pixels_of(runs: list[list[int]]) -> tuple[Any, Any]:
    """Rows and columns of the pixels of runs [row, first column, column after the last]."""
    rows = np.concatenate([np.full(last - first, row) for row, first, last in runs])
    columns = np.concatenate([np.arange(first, last) for _, first, last in runs])
    return rows, columns


def label_value(kind: LabelKind, number: int, data: Any) -> int:
    """What is painted for class ``number``: of objects a new id, 0 for background."""
    if kind == "scribbles":
        return number + 1
    if kind == "classes":
        return number
    return int(np.max(data)) + 1 if number else 0
