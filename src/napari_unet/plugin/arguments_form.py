"""A form for the arguments of a network, made from the model that checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

LARGEST = 4096


class ArgumentsForm(QWidget):
    """One field for each number, choice or switch; ``changed`` is called when a person edits one.

    Lists and other arguments keep their values: they are for the command line and Python.
    """

    def __init__(self, changed: Callable[[], Any]) -> None:
        super().__init__()
        self._changed = changed
        self._fields: dict[str, QWidget] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)

    def show_arguments(self, model: type[BaseModel], values: Mapping[str, Any]) -> None:
        """Fields for ``model``, filled with ``values``, which it has checked."""
        while self._form.rowCount():
            self._form.removeRow(0)
        self._fields.clear()
        for name, field in model.model_fields.items():
            widget = self._field(field, values[name])
            if widget is None:
                continue
            widget.setObjectName(f"setting_{name}")
            widget.setToolTip(field.description or name)
            self._fields[name] = widget
            self._form.addRow(name.replace("_", " "), widget)

    def values(self) -> dict[str, Any]:
        """What the fields hold, by the name of the argument."""
        return {name: _value(widget) for name, widget in self._fields.items()}

    def _field(self, field: FieldInfo, value: Any) -> QWidget | None:
        kind = field.annotation
        if get_origin(kind) is Literal:
            combo = QComboBox()
            for choice in get_args(kind):
                combo.addItem(str(choice), choice)
            combo.setCurrentIndex(combo.findData(value))
            combo.activated.connect(lambda *_: self._changed())
            return combo
        if kind is bool:
            check = QCheckBox()
            check.setChecked(value)
            check.clicked.connect(lambda *_: self._changed())
            return check
        if kind not in (int, float):
            return None
        spin = QSpinBox() if kind is int else QDoubleSpinBox()
        low, high = _bounds(field)
        if isinstance(spin, QDoubleSpinBox):
            spin.setDecimals(3)
            spin.setSingleStep(0.05)
            spin.setRange(low, high)
        else:
            spin.setRange(int(low), int(high))
        spin.setValue(value)
        spin.editingFinished.connect(self._changed)
        return spin


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low, high = 0.0, float(LARGEST)
    for rule in field.metadata:
        low = float(getattr(rule, "ge", getattr(rule, "gt", low)))
        high = float(getattr(rule, "le", getattr(rule, "lt", high)))
    return low, high


def _value(widget: QWidget) -> Any:
    if isinstance(widget, QComboBox):
        return widget.currentData()
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    return widget.value()
