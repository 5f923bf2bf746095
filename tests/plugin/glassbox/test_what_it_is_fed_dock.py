"""Pieces are shown and follow the sliders; a wild deformation is warned of; layers are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_unet.plugin.derived import find
from napari_unet.plugin.inspectors.what_it_is_fed import WhatItIsFedDock
from napari_unet.plugin.recipe import recipe_of
from napari_unet.training.presets import preset

pytestmark = pytest.mark.window


def test_the_whole_playground(lively: Any, qtbot: Any) -> None:
    viewer = lively.viewer
    dock = WhatItIsFedDock(viewer)
    viewer.window.add_dock_widget(dock, name="What it is fed", area="right")
    qtbot.waitUntil(lambda: len(dock.pieces) == 6, timeout=30_000)
    first = dock.arrays["images"].copy()
    pictures = [dock.findChild(QLabel, f"piece_{n}") for n in range(6)]
    assert all(not picture.pixmap().isNull() for picture in pictures)
    # Wilder: the draws change, and the warning says why one should not.
    dock.findChild(QWidget, "fed_elastic_sd").setValue(24)
    dock.findChild(QWidget, "fed_elastic_points").setValue(6)
    qtbot.waitUntil(
        lambda: "fold" in dock.warning.text() and "Careful" in dock.warning.text(), timeout=20_000
    )
    assert not np.array_equal(first, dock.arrays["images"])
    assert lively.settings["elastic_sd"] == 24
    assert lively.settings["arguments"] == {"width": 4, "depth": 2}
    # The safe strength.
    dock.findChild(QPushButton, "safe").click()
    qtbot.waitUntil(lambda: "largest safe" in dock.found.text(), timeout=60_000)
    assert dock.sliders["elastic_sd"].value() < 24
    qtbot.waitUntil(lambda: "fold over" not in dock.warning.text(), timeout=20_000)
    # The next draws are others.
    before = [piece["step"] for piece in dock.pieces]
    dock.findChild(QPushButton, "next").click()
    qtbot.waitUntil(lambda: dock.pieces[0]["step"] > before[-1], timeout=20_000)
    # One of them on the image, all of them beside it.
    qtbot.mouseClick(pictures[2], Qt.MouseButton.LeftButton)
    entry = lively.current
    grid = find(viewer, entry, "fed grid")
    assert len(grid.data) == 2 * 6
    np.testing.assert_allclose(grid.data[0], dock.arrays["lines"][2][0], atol=1e-3)
    qtbot.mouseClick(pictures[1], Qt.MouseButton.LeftButton)
    assert find(viewer, entry, "fed grid") is grid
    np.testing.assert_allclose(grid.data[0], dock.arrays["lines"][1][0], atol=1e-3)
    dock.findChild(QPushButton, "as_layers").click()
    for role in ("fed image", "fed labels", "fed weights"):
        assert find(viewer, entry, role).data.shape == (2 * 64 + 8, 3 * 64 + 16)
    dock.view.setCurrentText("weights")
    dock._show()


def test_without_labels_there_is_a_sentence(lively: Any, qtbot: Any) -> None:
    lively.viewer.layers.remove("cells: labels")
    dock = WhatItIsFedDock(lively.viewer)
    lively.viewer.window.add_dock_widget(dock, name="What it is fed", area="right")
    qtbot.waitUntil(lambda: "Paint some labels" in dock.message.text(), timeout=10_000)


def test_objects_are_zoomed_more(lively: Any, qtbot: Any) -> None:
    dock = WhatItIsFedDock(lively.viewer)
    lively.viewer.window.add_dock_widget(dock, name="What it is fed", area="right")
    entry, known = lively.current, next(iter(lively.labels.values()))
    lively.use_labels(entry, known.layer, "scribbles")
    assert dock.sliders["scale"].value() == pytest.approx(preset().scale)
    lively.use_labels(entry, known.layer, "objects")
    assert dock.sliders["scale"].value() == pytest.approx(preset(objects=True).scale)
    # Another strength is changed, and this one stays as the recipe for objects has it.
    dock.findChild(QWidget, "fed_elastic_sd").setValue(7)
    assert lively.settings["elastic_sd"] == 7
    assert "scale" not in lively.settings
    assert recipe_of(lively).scale == preset(objects=True).scale
