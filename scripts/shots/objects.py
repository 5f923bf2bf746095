"""docs/images/objects.png: the Objects dock with touching cells cut apart and measured.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/objects.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).parent))
from score import save, wait

from napari_unet.plugin.inspectors.objects import ObjectsDock
from napari_unet.synthetic import touching_cells


def main() -> None:
    image, truth = touching_cells()
    # What a network is unsure of lies between cells and on their edges.
    gaps = truth == 0
    for axis in (0, 1):
        gaps |= np.diff(truth, axis=axis, append=0) != 0
    likely = np.clip(1 - gaussian_filter(gaps.astype(np.float32), 1.2), 0, 1)
    viewer = napari.Viewer(title="U-Net: Objects", show=True)
    place = {"scale": (0.25, 0.25), "units": "micrometer"}
    viewer.add_image(image, name="cells", **place)
    viewer.add_image(likely, name="cells: probability", visible=False, **place)
    dock = ObjectsDock(viewer)
    viewer.window.add_dock_widget(dock, name="U-Net: Objects", area="right")
    viewer.window._qt_window.resize(1440, 940)
    wait(1)
    dock.source.choose(viewer.layers["cells: probability"])
    dock.image.choose(viewer.layers["cells"])
    combo = dock.form.method
    combo.setCurrentIndex(combo.findData("probability"))
    combo.activated.emit(combo.currentIndex())
    dock.form.min_size.setValue(60)
    wait(20, until=lambda: not dock.timer.isActive() and not dock._background.busy)
    viewer.fit_to_view()
    dock.table.choose(17)
    dock.table.chosen.emit(17)
    dock.layer.contour = 2
    save(viewer, "objects")
    viewer.close()


if __name__ == "__main__":
    main()
