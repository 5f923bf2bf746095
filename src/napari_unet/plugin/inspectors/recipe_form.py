"""The knobs of a recipe for objects, and their history."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_unet.measurements.objects import METHODS, Method, Recipe

ABOUT: dict[Method, str] = {
    "as they are": "The layer's values are the numbers of objects already",
    "components": "What hangs together is an object",
    "distance": "Cut between middles: watershed of the distance to the background",
    "probability": "Cut where the prediction is less sure: watershed of the probability",
    "necks": "Cut where it is narrow, as the U-Net dock does for objects",
}
KNOBS: dict[str, tuple[Method, ...]] = {
    "apart": ("distance",),
    "rise": ("probability",),
    "depth": ("necks",),
}
"""Which knob belongs to which methods; the others to all."""


class RecipeForm(QWidget):
    """Shows a recipe; ``changed`` when the user turned a knob."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._quiet = False
        self._history: list[Recipe] = []
        self.method = QComboBox()
        self.method.setObjectName("method_combo")
        self._form.addRow("Objects by", self.method)
        self.threshold = QLabeledDoubleSlider()
        self.threshold.setOrientation(Qt.Orientation.Horizontal)
        self.threshold.setObjectName("threshold")
        self.threshold.setRange(0.01, 0.99)
        self.threshold.setDecimals(2)
        self.threshold.setToolTip("Foreground is where the probability is at least this")
        self._form.addRow("Threshold", self.threshold)
        self.apart = self._real("apart", 1, 500, 1, "Two middles are at least so far apart", " px")
        self._form.addRow("Middles apart", self.apart)
        self.rise = self._real(
            "rise", 0, 1, 0.02, "The probability falls by at least this between two objects"
        )
        self._form.addRow("Dip between", self.rise)
        self.depth = self._real(
            "depth", 0, 50, 0.25, "Cut where it is narrower than both sides by twice this", " px"
        )
        self._form.addRow("Depth of necks", self.depth)
        self.min_size = self._whole("min_size", "Smaller objects are left out")
        self._form.addRow("Smallest", self.min_size)
        self.largest_hole = self._whole("largest_hole", "Enclosed holes up to this are filled")
        self._form.addRow("Fill holes up to", self.largest_hole)
        self.drop_border = QCheckBox("leave out objects on the border")
        self.drop_border.setObjectName("drop_border")
        self.drop_border.setToolTip("They are cut off, so their sizes are wrong")
        self._form.addRow(self.drop_border)
        self.method.activated.connect(self._turned)
        for knob in (self.threshold, self.apart, self.rise, self.depth):
            knob.valueChanged.connect(self._turned)
        for number in (self.min_size, self.largest_hole):
            number.valueChanged.connect(self._turned)
        self.drop_border.toggled.connect(self._turned)
        self.offer(False, Recipe())

    def _real(
        self, name: str, low: float, high: float, step: float, tip: str, unit: str = ""
    ) -> QDoubleSpinBox:
        made = QDoubleSpinBox()
        made.setObjectName(name)
        made.setRange(low, high)
        made.setSingleStep(step)
        made.setDecimals(2)
        made.setSuffix(unit)
        made.setToolTip(tip)
        return made

    def _whole(self, name: str, tip: str) -> QSpinBox:
        made = QSpinBox()
        made.setObjectName(name)
        made.setRange(0, 10_000_000)
        made.setSingleStep(5)
        made.setSuffix(" px")
        made.setToolTip(tip)
        return made

    # ------------------------------------------------------------ recipes

    def offer(self, probability: bool, recipe: Recipe) -> None:
        """The methods that such a layer allows, and a recipe to begin with."""
        unfit: Method = "as they are" if probability else "probability"
        self._quiet = True
        self.method.clear()
        for name in METHODS:
            if name != unfit:
                self.method.addItem(name, name)
                self.method.setItemData(
                    self.method.count() - 1, ABOUT[name], Qt.ItemDataRole.ToolTipRole
                )
        self._quiet = False
        self._probability = probability
        self._history.clear()
        self._show(recipe)
        self._history.append(recipe)

    @property
    def recipe(self) -> Recipe:
        """What the knobs say."""
        return Recipe(
            self.method.currentData(),
            round(float(self.threshold.value()), 2),
            self.apart.value(),
            self.rise.value(),
            self.depth.value(),
            self.min_size.value(),
            self.largest_hole.value(),
            self.drop_border.isChecked(),
        )

    def remember(self) -> None:
        """This recipe was tried: undo comes back to it."""
        if not self._history or self._history[-1] != self.recipe:
            self._history.append(self.recipe)

    @property
    def can_undo(self) -> bool:
        return len(self._history) > 1

    def undo(self) -> bool:
        """Back to the recipe before; False where there is none."""
        if not self.can_undo:
            return False
        self._history.pop()
        self._show(self._history[-1])
        return True

    def changed_since(self) -> str:
        """What the last step changed, in words: for the button that takes it back."""
        if not self.can_undo:
            return ""
        old, new = self._history[-2:]
        names = [f.name for f in fields(Recipe) if getattr(old, f.name) != getattr(new, f.name)]
        return ", ".join(f"{n.replace('_', ' ')} {getattr(old, n)}" for n in names)

    def _show(self, recipe: Recipe) -> None:
        if self.method.findData(recipe.method) < 0:
            recipe = replace(recipe, method="components")
        self._quiet = True
        self.method.setCurrentIndex(self.method.findData(recipe.method))
        for name in ("threshold", "apart", "rise", "depth", "min_size", "largest_hole"):
            getattr(self, name).setValue(getattr(recipe, name))
        self.drop_border.setChecked(recipe.drop_border)
        self._quiet = False
        self._fit()

    def _fit(self) -> None:
        """Only the knobs that do something."""
        method = self.method.currentData()
        self.method.setToolTip(ABOUT[method])
        self._show_row(self.threshold, self._probability)
        for name, methods in KNOBS.items():
            self._show_row(getattr(self, name), method in methods)

    def _show_row(self, knob: QWidget, on: bool) -> None:
        knob.setVisible(on)
        label = self._form.labelForField(knob)
        if isinstance(label, QLabel):
            label.setVisible(on)

    def _turned(self, *_: Any) -> None:
        if not self._quiet:
            self._fit()
            self.changed.emit()
