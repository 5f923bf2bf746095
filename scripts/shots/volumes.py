"""Pictures of docs/3d.md: the dock on a volume, and where an Attention U-Net looks.

Under QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24":
python scripts/shots/volumes.py [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QComboBox
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from screenshots import OUT, Window

from napari_unet.plugin.derived import find

PAINTED = (7, 13, 18)


def grains() -> tuple[np.ndarray, np.ndarray]:
    """A noisy volume of ellipsoids, voxels four times as long along z, and what is true."""
    rng = np.random.default_rng(4)
    z, y, x = np.indices((26, 160, 200))
    truth = np.zeros(z.shape, bool)
    for _ in range(26):
        c, r = rng.uniform((1, 5, 5), (25, 155, 195)), rng.uniform(10, 20)
        truth |= (4 * (z - c[0])) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < r**2
    grey = 45 + 70 * ndimage.gaussian_filter(truth.astype(float), (0.4, 1.5, 1.5))
    return (grey + rng.normal(0, 16, z.shape)).clip(0, 255).astype(np.uint8), truth


def choose(window: Window, name: str, value: Any) -> None:
    combo = window.dock.findChild(QComboBox, name)
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def paint(window: Window, truth: np.ndarray) -> None:
    """A few strokes on three planes."""
    window.click("new_labels")
    one = window.session.labels[window.session.current.id]
    for z in PAINTED:
        window.viewer.dims.set_point(0, 4 * z)
        inside = ndimage.binary_erosion(truth[z], iterations=3)
        outside = ~ndimage.binary_dilation(truth[z], iterations=3)
        for value, mask in ((1, outside), (2, inside)):
            rows, columns = np.nonzero(mask & (np.indices(mask.shape)[0] % 12 < 4))
            one.layer.data_setitem((np.full(len(rows), z), rows, columns), value)


def volume(cache: Path, seconds: float, network: str) -> None:
    pixels, truth = grains()
    arguments = {"name": "grains", "scale": (4, 1, 1), "units": ("um",) * 3}
    window = Window([(pixels, arguments, "image")], cache)
    session, viewer = window.session, window.viewer
    if network != session.network:
        choose(window, "network_combo", network)
        session.settings = {"tile": 128, "batch": 2, "arguments": {"width": 8, "depth": 3}}
    else:
        choose(window, "dims_combo", 3)
        session.settings = {"batch": 2, "arguments": {"width": 8, "depth": 3}}
    paint(window, truth)
    window.click("train")
    window.wait(90, until=lambda: find(viewer, session.current, "prediction") is not None)
    viewer.dims.set_point(0, 4 * 10)
    window.wait(seconds)
    if network == "unet":
        viewer.fit_to_view()
        window.save("3d-dock")
    window.click("stop")
    window.wait(60, until=lambda: session.training.phase == "stopped")
    prediction = find(viewer, session.current, "prediction")
    if network == "unet":
        window.click("predict_image")
        window.wait(200, until=lambda: not session.jobs)
        found = prediction.data > 0
        print("IoU", (found & truth).sum() / (found | truth).sum())
        session.labels[session.current.id].layer.visible = False
        session.current.layer.rendering = "attenuated_mip"
        prediction.opacity = 0.9
        viewer.dims.ndisplay = 3
        viewer.scene.camera.angles = (15, 35, 130)
        viewer.fit_to_view()
        window.save("3d-prediction")
    else:
        window.click("show_attention")
        window.wait(120, until=lambda: not session.jobs)
        prediction.visible = False
        find(viewer, session.current, "attention 1:4").visible = False
        session.labels[session.current.id].layer.visible = False
        bar = window.dock.scroll.verticalScrollBar()
        bar.setValue(bar.maximum())
        viewer.fit_to_view()
        window.save("attention")
    window.close()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as cache:
        volume(Path(cache), seconds, "unet")
        volume(Path(cache), seconds, "attention_unet")


if __name__ == "__main__":
    main()
