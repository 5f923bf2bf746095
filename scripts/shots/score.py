"""docs/images/score.png: the Score dock with cells that a threshold found.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/score.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication
from skimage.filters import threshold_otsu

from napari_unet.annotations.splitting import split
from napari_unet.plugin.inspectors.score import ScoreDock
from napari_unet.synthetic import touching_cells

OUT = Path(__file__).resolve().parents[2] / "docs" / "images"


def wait(seconds: float, until: Callable[[], bool] | None = None) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (until and until()):
        QApplication.processEvents()
        time.sleep(0.005)


def save(viewer: Any, name: str) -> None:
    """The whole window in 256 colours, which are enough and keep the repository small."""
    wait(0.5)
    path = OUT / f"{name}.png"
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(path.name, path.stat().st_size // 1024, "kB")


def main() -> None:
    image, truth = touching_cells()
    viewer = napari.Viewer(title="U-Net: Score", show=True)
    place = {"scale": (0.25, 0.25), "units": "micrometer"}
    viewer.add_image(image, name="cells", **place)
    viewer.add_labels(truth, name="cells: truth", visible=False, **place)
    found = split(image > threshold_otsu(image), 0.75)
    viewer.add_labels(found, name="cells: found", visible=False, **place)
    dock = ScoreDock(viewer)
    viewer.window.add_dock_widget(dock, name="U-Net: Score", area="right")
    viewer.window._qt_window.resize(1440, 940)
    wait(1)
    dock.prediction.choose(viewer.layers["cells: found"])
    dock.truth.choose(viewer.layers["cells: truth"])
    dock.button.click()
    wait(30, until=lambda: dock.result is not None and not dock._background.busy)
    viewer.fit_to_view()
    merged = [row[0] for row in dock.places.rows.rows].index("merged")
    dock.places.choose(merged)
    dock.places.chosen.emit(merged)
    save(viewer, "score")
    viewer.close()


if __name__ == "__main__":
    main()
