"""What "Export" asks: for which programs, under which name, by whom."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_unet.model.export import SUFFIXES, Format

CHOICES: dict[Format, tuple[str, str]] = {
    "bioimageio": (
        "BioImage Model Zoo (.zip)",
        "For ilastik, deepImageJ, QuPath and whatever else reads packages of the model zoo. It "
        "names the authors.",
    ),
    "onnx": ("ONNX (.onnx)", "One file for ONNX Runtime and programs that build on it."),
}
"""By format: what it is called, and who it is for."""
COMPARED = (
    "The exported model gives probabilities. Before anything is written it is run and compared "
    "with this one. Images for it must be normalised as the file says."
)


class ExportDialog(QDialog):
    """Ask with ``open()``, which does not block; ``accepted`` comes when the user goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("export_dialog")
        self.setWindowTitle("Export the model")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._format = QComboBox()
        self._format.setObjectName("export_format")
        for name, (text, tip) in CHOICES.items():
            self._format.addItem(text, name)
            self._format.setItemData(self._format.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self._name = QLineEdit()
        self._name.setObjectName("export_name")
        self._name.setPlaceholderText("as the file")
        self._name.setToolTip("5 to 128 letters, digits, spaces or _+-()")
        self._authors = QLineEdit()
        self._authors.setObjectName("export_authors")
        self._authors.setPlaceholderText("A. Person, B. Person")
        self._authors.setToolTip("Who made the model, with commas between them")
        self._about = QLabel()
        self._about.setObjectName("export_about")
        self._about.setWordWrap(True)
        self._format.currentIndexChanged.connect(self._chosen)
        self._chosen()
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        compared = QLabel(COMPARED)
        compared.setWordWrap(True)
        form = QFormLayout()
        form.addRow("For", self._format)
        form.addRow("Name", self._name)
        form.addRow("Authors", self._authors)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self._about)
        column.addWidget(compared)
        column.addStretch(1)
        column.addWidget(buttons)
        self.resize(420, 260)

    @property
    def format(self) -> Format:
        """What is to be written."""
        chosen: Format = self._format.currentData()
        return chosen

    @property
    def suffix(self) -> str:
        """How such files end."""
        return SUFFIXES[self.format]

    @property
    def name(self) -> str:
        """Empty: as the file."""
        return self._name.text().strip()

    @property
    def authors(self) -> tuple[str, ...]:
        """Those that were named."""
        return tuple(part.strip() for part in self._authors.text().split(",") if part.strip())

    def _chosen(self) -> None:
        self._about.setText(CHOICES[self.format][1])
