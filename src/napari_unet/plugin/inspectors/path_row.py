"""A folder that is typed or picked."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget


class PathRow(QWidget):
    """``changed`` when the user typed or picked another folder."""

    changed = Signal()

    def __init__(self, name: str, what: str, *, new: bool = False) -> None:
        super().__init__()
        self._what = what
        self.edit = QLineEdit()
        self.edit.setObjectName(name)
        self.edit.setPlaceholderText(what)
        self.edit.setToolTip(what)
        self.edit.editingFinished.connect(self.changed)
        pick = QToolButton()
        pick.setText("...")
        pick.setToolTip("Choose a folder" + (", or make a new one" if new else ""))
        pick.clicked.connect(self._pick)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.edit, 1)
        layout.addWidget(pick)

    @property
    def text(self) -> str:
        return self.edit.text().strip()

    @property
    def path(self) -> Path | None:
        """Absolute; None where nothing is given."""
        return Path(self.text).expanduser().absolute() if self.text else None

    def show_path(self, path: Path | str | None) -> None:
        """Without saying so."""
        self.edit.setText("" if path is None else str(path))

    def _pick(self) -> None:
        start = self.path if self.path is not None else Path.home()
        while not start.exists() and start != start.parent:
            start = start.parent
        found = QFileDialog.getExistingDirectory(self, self._what, str(start))
        if found:
            self.edit.setText(found)
            self.changed.emit()
