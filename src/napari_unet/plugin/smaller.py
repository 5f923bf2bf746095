"""What "Make it smaller" asks: how small, and which channels go."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unet.pruning.criteria import METHODS, Method, check_method

TIPS: dict[str, str] = {
    "stamp": "The channel that is least active for its layer goes next, measured on your labelled "
    "images. In our own tests this was no better than random.",
    "random": "Any channel of the layer that stamp would take from: a control, to see whether it "
    "matters which one goes.",
    "largest": "Any channel of the layer that has the most, however active it is. In our own "
    "tests no worse than stamp.",
}
DURATION = "Takes about 80 seconds and needs labels to recover with. The model stays as it is."


class SmallerDialog(QDialog):
    """Ask with ``open()``, which does not block; ``accepted`` comes when the user goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("smaller_dialog")
        self.setWindowTitle("Make it smaller")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._percent = QSpinBox()
        self._percent.setObjectName("smaller_percent")
        self._percent.setRange(1, 90)
        self._percent.setValue(10)
        self._percent.setSuffix(" %")
        self._percent.setToolTip("Part of the model's parameters that stays")
        self._method = QComboBox()
        self._method.setObjectName("smaller_method")
        for number, name in enumerate(METHODS):
            self._method.addItem(name)
            self._method.setItemData(number, TIPS[name], Qt.ItemDataRole.ToolTipRole)
        self._about = QLabel()
        self._about.setObjectName("smaller_about")
        self._about.setWordWrap(True)
        self._method.currentTextChanged.connect(self._chosen)
        self._chosen(self._method.currentText())
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        duration = QLabel(DURATION)
        duration.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Parameters to keep", self._percent)
        form.addRow("Which channels go", self._method)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self._about)
        column.addWidget(duration)
        column.addStretch(1)
        column.addWidget(buttons)
        self.resize(400, 240)

    @property
    def percent(self) -> int:
        """Percent of the parameters that stay."""
        return int(self._percent.value())

    @property
    def method(self) -> Method:
        """Which channel goes next."""
        return check_method(self._method.currentText())

    def _chosen(self, name: str) -> None:
        self._about.setText(TIPS[name])
        self._method.setToolTip(TIPS[name])
