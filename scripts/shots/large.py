"""docs/images/large-overview.png: a generated slide of many megapixels, the first look at it.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/large.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import napari
import numpy as np
from qtpy.QtWidgets import QWidget

sys.path.insert(0, str(Path(__file__).parent))
from score import save, wait

import napari_unet as nu
from napari_unet.engine.client import EngineClient
from napari_unet.plugin import main_dock
from napari_unet.plugin.derived import find
from napari_unet.plugin.session import Session
from napari_unet.plugin.training_control import load_model
from napari_unet.synthetic import touching_cells


def slide(times: int) -> list[np.ndarray]:
    """A pyramid of cells, drawn once and repeated."""
    cells, _ = touching_cells()
    block = np.block([[cells, cells[:, ::-1]], [cells[::-1], cells[::-1, ::-1]]])
    levels = [np.tile(block, (times, times))]
    while max(levels[-1].shape) > 800:
        fine = levels[-1][: levels[-1].shape[0] // 2 * 2, : levels[-1].shape[1] // 2 * 2]
        n, m = fine.shape[0] // 2, fine.shape[1] // 2
        levels.append(fine.reshape(n, 2, m, 2).mean((1, 3)).astype(fine.dtype))
    return levels


def main() -> None:
    image, labels = touching_cells()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.unet"
        nu.train(
            [image], [labels], kind="objects", steps=60, validation="none", tile=128,
            arguments={"width": 8, "depth": 2},
        ).save(path)  # fmt: skip
        viewer = napari.Viewer(title="U-Net", show=True)
        session = Session(viewer, engine=EngineClient(Path(folder) / "cache"))
        main_dock._sessions[viewer] = session
        levels = slide(9)
        viewer.add_image(levels, multiscale=True, name="slide")
        dock = main_dock.UNetDock(viewer)
        dock.restore.hide()
        viewer.window.add_dock_widget(dock, name="U-Net", area="right")
        viewer.window._qt_window.resize(1440, 940)
        wait(1)
        viewer.fit_to_view()
        wait(60, until=lambda: session.engine_was_ready)
        load_model(session, path)
        wait(60, until=lambda: session.has_model)
        dock.findChild(QWidget, "predict_image").click()
        wait(120, until=lambda: find(viewer, session.current, "overview") is not None)
        wait(2)
        save(viewer, "large-overview")
        main_dock.end_session(session)
        viewer.close()
        wait(0.3)


if __name__ == "__main__":
    main()
