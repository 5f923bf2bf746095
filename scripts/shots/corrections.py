"""Picture of the inspector "U-Net: Corrections", after training on a few corrections.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/corrections.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.draw import disk
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screenshots import Window

from napari_unet.plugin.derived import find
from napari_unet.samples import coins_layers


def corrections(cache: Path) -> None:
    """Coins: learn from the strokes, correct what is wrong, learn on."""
    from napari_unet.plugin.inspectors.corrections import CorrectionsDock

    window = Window(coins_layers(), cache)
    session = window.session
    dock = CorrectionsDock(window.viewer)
    frame = window.viewer.window.add_dock_widget(
        dock, name="U-Net: Corrections", area="right", tabify=True
    )
    frame.show()
    frame.raise_()
    window.click("train")
    window.wait(60, until=lambda: find(window.viewer, session.current, "prediction") is not None)
    layer = session.labels[session.current.id].layer
    predicted = np.array(find(window.viewer, session.current, "prediction").data)
    image = np.asarray(session.current.layer.data).astype(float)
    flat = image - ndimage.gaussian_filter(image, 60)
    bright = ndimage.gaussian_filter(flat, 2) > threshold_otsu(flat)
    coins = ndimage.binary_opening(ndimage.binary_fill_holes(bright), iterations=3)
    wrong = label(ndimage.binary_opening(predicted != coins, iterations=1))
    for part in sorted(regionprops(wrong), key=lambda r: -r.area)[:9]:
        y, x = part.coords[len(part.coords) // 2]
        spot = disk((y, x), 5, shape=wrong.shape)
        keep = wrong[spot] == part.label
        layer.data_setitem((spot[0][keep], spot[1][keep]), 2 if coins[y, x] else 1)
        window.wait(0.25)
    window.wait(25)
    window.click("stop")
    window.wait(30, until=lambda: session.training.phase == "stopped")
    window.wait(1)
    dock.findChild(type(dock.table), "corrections_table").cellClicked.emit(0, 0)
    window.save("corrections")
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        corrections(Path(folder))
