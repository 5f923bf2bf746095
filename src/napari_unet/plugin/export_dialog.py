"""What "Export" asks: for which programs, under which name, by whom."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLineEdit, QWidget

from napari_unet.model.export import SUFFIXES, Format
from napari_unet.plugin.asking import Asking

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
    "with this one; then you are told what it takes, grey values or normalised ones."
)


class ExportDialog(Asking):
    """For which programs, under which name, by whom."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "export_dialog", "Export the model", "export_about")
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
        self._format.currentIndexChanged.connect(self._chosen)
        self._chosen()
        self.lay_out({"For": self._format, "Name": self._name, "Authors": self._authors}, COMPARED)

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
        self.about.setText(CHOICES[self.format][1])
