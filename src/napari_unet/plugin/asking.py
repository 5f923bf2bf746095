"""A dialog that asks for a few things before a long job."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)


class Asking(QDialog):
    """Ask with ``open()``, which does not block; ``accepted`` comes when the user goes on.

    ``about`` is the label that explains what is chosen; it is called ``about_name``.
    """

    def __init__(self, parent: QWidget, name: str, title: str, about_name: str) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.about = _words()
        self.about.setObjectName(about_name)

    def lay_out(self, rows: dict[str, QWidget], hint: str) -> None:
        """Widgets by what stands before them, the explanation, ``hint``, OK and Cancel."""
        form = QFormLayout()
        for text, widget in rows.items():
            form.addRow(text, widget)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.about)
        column.addWidget(_words(hint))
        column.addStretch(1)
        column.addWidget(buttons)
        self.resize(420, 260)


def _words(text: str = "") -> QLabel:
    made = QLabel(text)
    made.setWordWrap(True)
    return made
