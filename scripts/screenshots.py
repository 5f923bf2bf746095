"""Pictures of the documentation, made from the running program.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication, QComboBox, QWidget

from napari_unet.engine.client import EngineClient
from napari_unet.networks import registry
from napari_unet.plugin import main_dock
from napari_unet.plugin.derived import find
from napari_unet.plugin.session import Session
from napari_unet.samples import coins_layers, touching_cells_layers

OUT = Path(__file__).resolve().parents[1] / "docs" / "images"


class Window:
    """A napari window with the dock, driven as a person would."""

    def __init__(self, layers: list[Any], cache: Path) -> None:
        self.viewer = napari.Viewer(title="U-Net", show=True)
        self.session = Session(self.viewer, engine=EngineClient(cache))
        main_dock._sessions[self.viewer] = self.session
        for data, arguments, kind in layers:
            getattr(self.viewer, f"add_{kind}")(data, **arguments)
        self.dock = main_dock.UNetDock(self.viewer)
        self.dock.restore.hide()
        self.viewer.window.add_dock_widget(self.dock, name="U-Net", area="right")
        self.viewer.window._qt_window.resize(1440, 940)
        self.wait(1)
        self.viewer.fit_to_view()
        self.wait(60, until=lambda: self.session.engine_was_ready)

    def wait(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until()):
            QApplication.processEvents()
            time.sleep(0.005)

    def click(self, name: str) -> None:
        button = self.dock.findChild(QWidget, name)
        button.click()

    def save(self, name: str) -> None:
        self.wait(0.5)
        path = OUT / f"{name}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        _smaller(path)

    def save_screen(self, name: str, before: QWidget) -> None:
        """With what lies before the window, an open list."""
        self.wait(0.5)
        path = OUT / f"{name}.png"
        frame = self.viewer.window._qt_window.frameGeometry()
        picture = QApplication.primaryScreen().grabWindow(0)
        picture.copy(frame.united(before.frameGeometry())).save(str(path))
        _smaller(path)

    def close(self) -> None:
        main_dock.end_session(self.session)
        self.viewer.close()
        self.wait(0.3)


def _smaller(path: Path) -> None:
    # 256 colours are enough for a window and keep the repository small.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(path.name, path.stat().st_size // 1024, "kB")


def networks(cache: Path) -> None:
    window = Window(coins_layers(), cache)
    wanted = sum(2 in registry.spec(name).dims for name in registry.names())
    window.wait(240, until=lambda: len(window.session.figures) == wanted)
    combo = window.dock.findChild(QComboBox, "network_combo")
    combo.showPopup()
    window.save_screen("networks", combo.view().window())
    combo.hidePopup()
    window.close()


def coins(cache: Path, seconds: float) -> None:
    window = Window(coins_layers(), cache)
    session = window.session
    window.dock.findChild(QWidget, "answer_at_once").setChecked(False)
    window.save("annotate")
    window.dock.findChild(QWidget, "answer_at_once").setChecked(True)
    strokes = session.labels[session.current.id].layer
    strokes.data_setitem((np.arange(40, 60), np.full(20, 5)), 1)
    window.wait(30, until=lambda: session.first_answers.shown)
    window.save("first-answer")
    window.click("train")
    window.wait(60, until=lambda: find(window.viewer, session.current, "prediction") is not None)
    window.wait(seconds)
    window.save("window")
    window.click("stop")
    window.wait(30, until=lambda: session.training.phase == "stopped")
    find(window.viewer, session.current, "prediction").visible = False
    window.click("show_uncertainty")
    window.click("show_objects")
    window.click("predict_image")
    window.wait(60, until=lambda: not session.jobs)
    find(window.viewer, session.current, "prediction").visible = False
    find(window.viewer, session.current, "uncertainty").visible = False
    window.click("show_tiles")
    window.viewer.scene.camera.zoom *= 0.72
    bar = window.dock.scroll.verticalScrollBar()
    bar.setValue(bar.maximum())
    window.dock.results.table.cellClicked.emit(0, 0)
    window.viewer.fit_to_view()
    window.viewer.scene.camera.zoom *= 0.55
    window.save("tiles")
    window.close()


def cells(cache: Path) -> None:
    window = Window(touching_cells_layers(), cache)
    window.click("mark_view")
    window.click("boundary_weights")
    window.wait(20, until=lambda: not window.session.jobs)
    window.save("boundary-weights")
    window.close()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 25.0
    with tempfile.TemporaryDirectory() as cache:
        networks(Path(cache))
        coins(Path(cache), seconds)
        cells(Path(cache))


if __name__ == "__main__":
    main()
