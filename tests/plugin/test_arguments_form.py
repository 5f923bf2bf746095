"""The form of a network's arguments, with its real fields."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from napari_unet.networks import registry
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.spec import NetworkSpec
from napari_unet.plugin.arguments_form import ArgumentsForm


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda one: one.name)
def test_it_shows_what_the_network_has_and_gives_it_back(qtbot: Any, spec: NetworkSpec) -> None:
    form = ArgumentsForm(lambda: None)
    qtbot.addWidget(form)
    for arguments in ({}, spec.live, spec.tiny):
        checked = registry.check_arguments(spec.name, arguments, spec.dims[0])
        form.show_arguments(spec.arguments, checked.model_dump())
        assert "width" in form.values()
        for name, value in form.values().items():
            assert value == getattr(checked, name)
        registry.check_arguments(spec.name, {**arguments, **form.values()}, spec.dims[0])


def test_editing_is_told_and_stays_in_range(qtbot: Any) -> None:
    told: list[None] = []
    form = ArgumentsForm(lambda: told.append(None))
    qtbot.addWidget(form)
    spec = registry.spec("unet")
    form.show_arguments(spec.arguments, spec.arguments().model_dump())
    width = form.findChild(QSpinBox, "setting_width")
    assert (width.minimum(), width.maximum()) == (1, 1024)
    width.setValue(5000)
    width.editingFinished.emit()
    padding = form.findChild(QComboBox, "setting_padding")
    padding.setCurrentIndex(1)
    padding.activated.emit(1)
    form.findChild(QDoubleSpinBox, "setting_dropout").setValue(0.25)
    released = form.findChild(QCheckBox, "setting_released")
    released.click()
    assert len(told) == 3
    assert form.values() == {
        "width": 1024,
        "depth": 4,
        "padding": "same",
        "norm": "none",
        "dropout": 0.25,
        "released": True,
    }


def test_another_network_replaces_the_fields(qtbot: Any) -> None:
    form = ArgumentsForm(lambda: None)
    qtbot.addWidget(form)
    for name in ("unet", "lunet"):
        spec = registry.spec(name)
        form.show_arguments(spec.arguments, spec.arguments().model_dump())
    assert form.findChild(QWidget, "setting_dropout") not in form._fields.values()
    assert "dropout" not in form.values()
