"""Pictures of the inspectors "U-Net: Compare networks" and "U-Net: Advise".

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/compare.py [STEPS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QSpinBox

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screenshots import Window

from napari_unet.synthetic import touching_cells

SIDE = 192


def frames(number: int = 6) -> list[Any]:
    """Frames of drawn cells with exact ids, as layers."""
    layers: list[Any] = []
    for seed in range(number):
        image, ids = touching_cells(seed=seed)
        box = (slice(SIDE), slice(SIDE))
        layers.append((image[box], {"name": f"frame {seed + 1}"}, "image"))
        layers.append((ids[box].astype(np.int32), {"name": f"cells {seed + 1}"}, "labels"))
    return layers


def use_all(window: Window) -> None:
    """Every frame with its labels, complete."""
    session = window.session
    layers = list(window.viewer.layers)
    for image, labels in zip(layers[::2], layers[1::2], strict=True):
        entry = session.use_image(image)
        session.use_labels(entry, labels, "objects")
        session.mark_complete(entry, ((0, SIDE), (0, SIDE)))
    for layer in window.viewer.layers:
        layer.visible = layer in (image, labels)


def front(window: Window, dock: Any, name: str) -> None:
    frame = window.viewer.window.add_dock_widget(dock, name=name, area="right", tabify=True)
    frame.show()
    frame.raise_()
    window.wait(0.5)
    window.viewer.fit_to_view()


def compare(cache: Path, steps: int) -> None:
    """In the middle of the second fold."""
    from napari_unet.plugin.inspectors.compare import CompareDock

    window = Window(frames(), cache)
    use_all(window)
    dock = CompareDock(window.viewer)
    front(window, dock, "U-Net: Compare networks")
    dock.findChild(QComboBox, "unit").setCurrentText("steps")
    dock.findChild(QSpinBox, "amount").setValue(steps)
    dock.findChild(QSpinBox, "folds").setValue(2)
    edit = dock.findChild(QLineEdit, "compare_out")
    edit.setText(str(cache / "comparison"))
    edit.editingFinished.emit()
    rows = dock.form.networks
    for item in (rows.item(n) for n in range(rows.count())):
        if item.data(Qt.ItemDataRole.UserRole) == "cmunext":
            item.setCheckState(Qt.CheckState.Unchecked)
    dock.findChild(QPushButton, "start").click()
    window.wait(600, until=lambda: dock._progress.done >= 4 and "step" in dock.line.text())
    edit.setText("~/unet-comparison")  # not where this script writes
    dock.say("6 labelled images were written to ~/unet-comparison/input: painting on changes "
             "nothing there.")  # fmt: skip
    window.save("compare")
    dock.findChild(QPushButton, "cancel").click()
    window.close()


def advise(cache: Path) -> None:
    """The choices for drawn cells."""
    window = Window(frames(2), cache)
    use_all(window)
    window.click("advise")
    from napari_unet.plugin.inspectors.advise import AdviseDock
    from napari_unet.plugin.inspectors.choice_row import ChoiceRow

    docks = window.viewer.window.dock_widgets.values()
    dock = next(one for one in docks if isinstance(one, AdviseDock))
    window.wait(600, until=lambda: bool(dock.findChildren(ChoiceRow)))
    window.viewer.fit_to_view()
    window.save("advise")
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    with tempfile.TemporaryDirectory() as folder:
        advise(Path(folder))
