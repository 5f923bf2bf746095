"""Size and speed of each network, in the list and below it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QSpinBox, QStyleOptionViewItem

from napari_unet.engine.protocol import NetworkMeasured
from napari_unet.networks import registry
from napari_unet.plugin.session import Session
from napari_unet.plugin.train_section import TrainSection


def choose(section: TrainSection, combo: Any, name: str) -> None:
    """As a person does in the open list."""
    combo.setCurrentIndex(combo.findData(name))
    combo.activated.emit(combo.currentIndex())


def line(section: TrainSection, name: str) -> str:
    """What the open list shows of a network."""
    combo = section.network_combo
    index = combo.model().index(combo.findData(name), 0)
    option = QStyleOptionViewItem()
    combo.view().itemDelegate().initStyleOption(option, index)
    return str(option.text)


def test_size_at_once_and_speed_as_soon_as_it_is_measured(session: Session, qtbot: Any) -> None:
    section = TrainSection(session)
    qtbot.addWidget(section)
    assert line(section, "unet") == "U-Net (2015)   1.9 M parameters"
    assert "1.9 M parameters; Check measures how fast it is here." in section.when.text()
    session.engine.events.append(
        NetworkMeasured(network="unet", recipe="live", parameters=1942306, step=0.25, image=0.0512)
    )
    session.tick()
    assert line(section, "unet") == "U-Net (2015)   1.9 M parameters · 4.0 steps/s"
    said = "1.9 M parameters; here 4.0 steps a second, and 0.05 s to predict 512 x 512 pixels."
    assert said in section.when.text()
    assert said in section.network_combo.toolTip()
    assert section.network_combo.currentText() == "U-Net (2015)"  # the closed list is narrow
    assert line(section, "ulite").endswith("225 k parameters")
    assert section.network_combo.view().minimumWidth() > 200


def test_each_has_a_sentence_and_its_size_in_every_recipe(session: Session, qtbot: Any) -> None:
    section = TrainSection(session)
    qtbot.addWidget(section)
    for recipe in ("live", "strokes", "paper2015"):
        choose(section, section.preset_combo, recipe)
        for name in registry.names():
            tip = section.network_combo.itemData(section.network_combo.findData(name), 3)
            assert registry.spec(name).when in tip
            if registry.facts(name)[0]["recipes"]:  # those of other packages are measured first
                assert "parameters;" in tip
    assert line(section, "unet") == "U-Net (2015)   31 M parameters"


def test_nothing_is_claimed_of_other_settings_or_of_3d(session: Session, qtbot: Any) -> None:
    section = TrainSection(session)
    qtbot.addWidget(section)
    session.engine.events.append(
        NetworkMeasured(network="unet", recipe="live", parameters=1942306, step=0.25, image=0.05)
    )
    session.tick()
    session.dims = 3
    session.settings_changed.emit()
    assert line(section, "unet") == "U-Net (2015)   1.4 M parameters"
    session.dims = 2
    section.network_combo.setCurrentIndex(0)
    section.findChild(QSpinBox, "setting_batch").setValue(2)
    section._edited()
    assert line(section, "unet") == "U-Net (2015)   1.9 M parameters"
    session.settings, session.device = {}, "cpu"  # measured was the device chosen by itself
    session.settings_changed.emit()
    assert line(section, "unet") == "U-Net (2015)   1.9 M parameters"
    width = section.arguments.findChild(QSpinBox, "setting_width")
    width.setValue(32)
    section._edited()
    assert line(section, "unet") == "U-Net (2015)"
    assert "parameters" not in section.when.text()
