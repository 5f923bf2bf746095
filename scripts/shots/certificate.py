"""docs/images/certificate.png: the dock after Verify.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/certificate.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari
from qtpy.QtWidgets import QWidget

sys.path.insert(0, str(Path(__file__).parent))
from score import save, wait

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.session import Session
from napari_unet.samples import touching_cells_layers


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        viewer = napari.Viewer(title="U-Net", show=True)
        session = Session(viewer, engine=EngineClient(cache))
        main_dock._sessions[viewer] = session
        for data, arguments, kind in touching_cells_layers():
            getattr(viewer, f"add_{kind}")(data, **arguments)
        dock = main_dock.UNetDock(viewer)
        dock.restore.hide()
        viewer.window.add_dock_widget(dock, name="U-Net", area="right")
        viewer.window._qt_window.resize(1440, 940)
        wait(1)
        viewer.fit_to_view()
        wait(60, until=lambda: session.engine_was_ready)
        for name in ("mark_view", "train"):
            dock.findChild(QWidget, name).click()
        wait(60, until=lambda: session.training.step >= 10)
        dock.findChild(QWidget, "stop").click()
        wait(60, until=lambda: session.training.phase == "stopped")
        dock.findChild(QWidget, "verify").click()
        wait(180, until=lambda: session.certificate is not None)
        wait(0.5)
        bar = dock.scroll.verticalScrollBar()
        bar.setValue(bar.maximum())
        save(viewer, "certificate")
        main_dock.end_session(session)
        viewer.close()
        wait(0.3)


if __name__ == "__main__":
    main()
