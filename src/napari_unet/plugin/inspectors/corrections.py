"""Inspector "U-Net: Corrections": what became of the places that were corrected."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QAbstractItemView, QHBoxLayout, QHeaderView, QTableWidget
from qtpy.QtWidgets import QTableWidgetItem as Item

from napari_unet.errors import UserError
from napari_unet.plugin import predicting
from napari_unet.plugin.inspectors.going import go_to
from napari_unet.plugin.inspectors.inspector_dock import InspectorDock
from napari_unet.plugin.widgets import button, words
from napari_unet.project.corrections import Correction

COLUMNS = ("state", "right", "class", "pixels", "times", "place")
WORDS = {"fixed": "fixed", "broken": "broken again", "open": "not learnt yet"}
MOST_ROWS = 500


class CorrectionsDock(InspectorDock):
    """Every correction with its state: after each prediction it is checked anew."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.setObjectName("corrections_dock")
        self.setMinimumWidth(380)
        self.shown: list[Correction] = []
        self._next = 0
        self.summary = words()
        self.summary.setObjectName("corrections_summary")
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setObjectName("corrections_table")
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.table.cellClicked.connect(self.guard(lambda row, _: self.go(row)))
        row = QHBoxLayout()
        row.addWidget(
            button(
                "Go to the next",
                "The next place that is broken again or not learnt yet",
                self.guard(self.go_to_next),
                name="next_correction",
            )
        )
        row.addWidget(
            button(
                "Check all",
                "Predict every corrected image and look at all places",
                self.guard(self.check_all),
                name="check_corrections",
            )
        )
        self.column.addWidget(self.summary)
        self.column.addLayout(row)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.message)
        self.listen(self.session.correcting.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        corrections = self.session.correcting.corrections
        self.summary.setText(corrections.summary().text)
        self.shown = list(corrections)[:MOST_ROWS]
        names = [c.name for c in self.session.classes]
        self.table.setRowCount(len(self.shown))
        for number, one in enumerate(self.shown):
            entry = self.session.correcting.entry_of(one.labels)
            wanted = ", ".join(names[c] if c < len(names) else str(c) for c in one.classes())
            place = entry.name if entry is not None else "(not open)"
            if one.index:
                place += f" {', '.join(map(str, one.index))}"
            texts = (WORDS[one.state], f"{one.right:.0%}", wanted, str(len(one.flat)),
                     str(one.times), place)  # fmt: skip
            for column, text in enumerate(texts):
                self.table.setItem(number, column, Item(text))

    def go(self, row: int) -> None:
        """Show a correction on the canvas. Raises UserError when its image is not open."""
        one = self.shown[row]
        entry = self.session.correcting.entry_of(one.labels)
        if entry is None:
            raise UserError("The image of this correction is not open.")
        self.session.current = entry
        middle = [(a + b - 1) / 2 for a, b in one.box]
        side = max(b - a for a, b in one.box[-2:])
        go_to(self.viewer, entry, one.index, middle, max(4.0 * side, 64.0))
        self.table.selectRow(row)

    def go_to_next(self) -> None:
        """The next place that does not hold, the broken ones first."""
        wrong = [row for row, one in enumerate(self.shown) if one.state != "fixed"]
        if not wrong:
            raise UserError("No correction is broken or waiting.")
        self.go(wrong[self._next % len(wrong)])
        self._next += 1

    def check_all(self) -> None:
        """Predict every image that was corrected; the states follow."""
        corrections = self.session.correcting.corrections
        entries: dict[str, Any] = {}
        for one in corrections:
            entry = self.session.correcting.entry_of(one.labels)
            if entry is not None:
                entries[entry.id] = entry
        if not entries:
            raise UserError("There are no corrections to check yet.")
        for entry in entries.values():
            predicting.predict_image(self.session, entry)
