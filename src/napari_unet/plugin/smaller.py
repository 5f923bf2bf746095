"""What "Make it smaller" asks: how small, and which channels go."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSpinBox, QWidget

from napari_unet.plugin.asking import Asking
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


class SmallerDialog(Asking):
    """How many percent of the parameters stay, and by which method."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "smaller_dialog", "Make it smaller", "smaller_about")
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
        self._method.currentTextChanged.connect(self._chosen)
        self._chosen(self._method.currentText())
        self.lay_out(
            {"Parameters to keep": self._percent, "Which channels go": self._method}, DURATION
        )

    @property
    def percent(self) -> int:
        """Percent of the parameters that stay."""
        return int(self._percent.value())

    @property
    def method(self) -> Method:
        """Which channel goes next."""
        return check_method(self._method.currentText())

    def _chosen(self, name: str) -> None:
        self.about.setText(TIPS[name])
        self._method.setToolTip(TIPS[name])
