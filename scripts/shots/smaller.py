"""docs/images/make-it-smaller.png: what Make it smaller asks.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/smaller.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from score import OUT, wait

from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.session import Session
from napari_unet.plugin.smaller import SmallerDialog


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        viewer = napari.Viewer(title="U-Net", show=True)
        session = Session(viewer, engine=EngineClient(cache))
        main_dock._sessions[viewer] = session
        dock = main_dock.UNetDock(viewer)
        viewer.window.add_dock_widget(dock, name="U-Net", area="right")
        dialog = SmallerDialog(dock)
        dialog.open()
        wait(1)
        path = OUT / "make-it-smaller.png"
        dialog.grab().save(str(path))
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
        dialog.close()
        main_dock.end_session(session)
        viewer.close()
        wait(0.3)


if __name__ == "__main__":
    main()
