"""A table of thousands of rows that sorts by number, and says which row was chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

SORT = Qt.ItemDataRole.UserRole
WIDEST = 125
"""Pixels that a column takes at most; a list of ids can be long."""
Column = tuple[str, str]
"""Heading and what it means."""


class RowModel(QAbstractTableModel):
    """Rows of values: numbers are shown in four digits and sorted as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: Sequence[Column] = ()
        self.rows: Sequence[Sequence[Any]] = ()
        self.tips: Sequence[str] = ()

    def fill(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Any]],
        tips: Sequence[str] = (),
    ) -> None:
        """Show these instead; ``tips`` by row, else what its column means."""
        self.beginResetModel()
        self.columns, self.rows, self.tips = columns, rows, tips
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, SORT, Qt.ItemDataRole.ToolTipRole):
            return None
        value = self.rows[index.row()][index.column()]
        if role == SORT:
            return -math.inf if value is None else value
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                self.tips[index.row()] if self.tips else self.columns[index.column()][1]
            ) or None
        return shown(value)

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.columns[section][1] or None
        return None


class RowTable(QTableView):
    """Emits ``chosen`` with the row, as it was filled in, that the user clicked or went to."""

    chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.rows = RowModel()
        self._sorted = QSortFilterProxyModel()
        self._sorted.setSourceModel(self.rows)
        self._sorted.setSortRole(SORT)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setMaximumSectionSize(WIDEST)
        header.setStyleSheet("QHeaderView::section { padding: 1px 4px; font-size: 9pt; }")
        self._quiet = False
        self.selectionModel().currentRowChanged.connect(self._current_changed)
        # A second click on the row that is chosen goes there again.
        self.clicked.connect(self._current_changed)

    def fill(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Any]],
        tips: Sequence[str] = (),
    ) -> None:
        """Show these rows; nothing is chosen any more."""
        self._quiet = True
        same = [c[0] for c in self.rows.columns] == [c[0] for c in columns]
        self.rows.fill(columns, rows, tips)
        self._quiet = False
        if not same:
            self.resizeColumnsToContents()

    def widen_first(self) -> None:
        """The first column takes the room that the others leave; nothing is cut off."""
        header = self.horizontalHeader()
        header.setStretchLastSection(False)
        header.setMaximumSectionSize(-1)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def choose(self, row: int | None) -> None:
        """Mark a row, as it was filled in, without saying so."""
        self._quiet = True
        try:
            if row is None:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
                return
            index = self._sorted.mapFromSource(self.rows.index(row, 0))
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        finally:
            self._quiet = False

    @property
    def current_row(self) -> int | None:
        """The chosen row, as it was filled in."""
        index = self._sorted.mapToSource(self.currentIndex())
        return index.row() if index.isValid() else None

    def _current_changed(self, *_: Any) -> None:
        row = self.current_row
        if not self._quiet and row is not None:
            self.chosen.emit(row)


def shown(value: Any) -> str:
    """A cell's text."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
