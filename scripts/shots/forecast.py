"""Picture of the inspector "U-Net: Score and forecast", while training on cells.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/forecast.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screenshots import Window

from napari_unet.synthetic import touching_cells

AMOUNTS = (60, 110, 220, 512)
"""Rows that are labelled after one another."""
SECONDS = 45.0


def forecast(cache: Path) -> None:
    """Cells with ids, first a part of the image, then more of it, then all."""
    from napari_unet.plugin.inspectors.forecast import ForecastDock

    image, objects = touching_cells(512, 120)
    noisy = image + np.random.default_rng(0).normal(0, 60, image.shape)
    layers = [(noisy.astype(np.float32), {"name": "cells"}, "image")]
    window = Window(layers, cache)
    session = window.session
    session.settings = {"tile": 96, "batch": 2, "arguments": {"width": 8, "depth": 3}}
    dock = ForecastDock(window.viewer)
    frame = window.viewer.window.add_dock_widget(
        dock, name="U-Net: Score and forecast", area="right", tabify=True
    )
    frame.show()
    frame.raise_()
    entry = session.use_image(window.viewer.layers["cells"])
    layer = window.viewer.add_labels(np.zeros_like(objects, np.int32), name="cells: labels")
    session.use_labels(entry, layer, "objects")
    layer.opacity = 0.3
    for rows in AMOUNTS:
        layer.data[:rows] = objects[:rows]
        layer.refresh()
        session.mark_complete(entry, ((0, rows), (0, 512)))
        session.flush()
        if rows == AMOUNTS[0]:
            window.wait(20, until=lambda: entry.ready)
            window.click("train")
        window.wait(SECONDS)
    window.wait(60)
    window.save("forecast")
    window.click("stop")
    window.wait(30, until=lambda: session.training.phase == "stopped")
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        forecast(Path(folder))
