"""Pictures of the inspectors that show what the network is taught and sees.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/glassbox.py [NAME]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from screenshots import Window

from napari_unet.samples import touching_cells_layers


def beside(window: Window, dock: Any, name: str) -> Any:
    """Put an inspector in front of the main dock."""
    frame = window.viewer.window.add_dock_widget(dock, name=name, area="right", tabify=True)
    frame.show()
    frame.raise_()
    window.wait(1)
    window.viewer.fit_to_view()
    return dock


def boundary_weights(cache: Path) -> None:
    """Cells with a sigma that leaves some gaps unprotected, and the list of them."""
    from napari_unet.plugin.inspectors.boundary_weights import BoundaryWeightsDock

    window = Window(touching_cells_layers(), cache)
    window.click("mark_view")
    dock = beside(window, BoundaryWeightsDock(window.viewer), "Boundary weights")
    window.wait(20, until=lambda: dock.live is not None)
    dock.sliders["sigma"].setValue(2.4)
    for one in window.session.labels.values():
        one.layer.opacity = 0.3
    window.save("boundary-weights-live")
    window.close()


def what_it_is_fed(cache: Path) -> None:
    """Draws of cells with a deformation that folds some; where one was taken."""
    from napari_unet.plugin.inspectors.what_it_is_fed import WhatItIsFedDock

    window = Window(touching_cells_layers(), cache)
    window.click("mark_view")
    dock = beside(window, WhatItIsFedDock(window.viewer), "What it is fed")
    window.wait(20, until=lambda: len(dock.pieces) > 0)
    dock.sliders["elastic_sd"].setValue(19)
    dock.sliders["elastic_points"].setValue(4)
    window.wait(1)
    window.wait(20, until=lambda: not dock.asker.busy)
    dock._choose(2)
    for one in window.session.labels.values():
        one.layer.opacity = 0.3
    dock._layers()
    window.viewer.fit_to_view()
    window.save("what-it-is-fed")
    window.close()


def trained(window: Window, steps: int) -> None:
    """Train on the cells, fully annotated."""
    window.click("mark_view")
    window.click("train")
    window.wait(200, until=lambda: window.session.training.step >= steps)
    window.click("stop")
    window.wait(60, until=lambda: window.session.training.phase == "stopped")
    window.wait(3)
    for layer in window.viewer.layers:
        if layer.name.endswith(": prediction"):
            layer.visible = False


def what_a_tile_saw(cache: Path) -> None:
    """A cell is forgotten, the network finds it; the tile there."""
    from napari_unet.plugin.inspectors.what_a_tile_saw import WhatATileSawDock

    window = Window(touching_cells_layers(), cache)
    [one] = window.session.labels.values()
    sizes = np.bincount(one.layer.data.ravel())
    one.layer.data_setitem(np.nonzero(one.layer.data == int(sizes[1:].argmax()) + 1), 0)
    trained(window, 40)
    dock = beside(window, WhatATileSawDock(window.viewer), "What a tile saw")
    dock.suspects.find.click()
    window.wait(60, until=lambda: bool(dock.suspects.tiles))
    place = dock.suspects.suspects[0]["place"] if dock.suspects.suspects else (100, 100)
    dock.show_tile(tuple(place))
    window.wait(60, until=lambda: bool(dock.arrays))
    one.layer.opacity = 0.3
    window.viewer.fit_to_view()
    window.save("what-a-tile-saw")
    window.close()


def time_machine(cache: Path) -> None:
    """The first model at the left, the last one at the right."""
    from napari_unet.plugin.inspectors.time_machine import TimeMachineDock

    window = Window(touching_cells_layers(), cache)
    window.session.settings = {"w0": 4.0}
    dock = beside(window, TimeMachineDock(window.viewer), "Time machine")
    trained(window, 60)
    dock.moment.setValue(1)
    window.wait(4)
    window.wait(30, until=lambda: dock.now is not None and not dock.asker.busy)
    for one in window.session.labels.values():
        one.layer.visible = False
    window.save("time-machine")
    window.close()


SHOTS = {
    "time_machine": time_machine,
    "boundary_weights": boundary_weights,
    "what_it_is_fed": what_it_is_fed,
    "what_a_tile_saw": what_a_tile_saw,
}


def main() -> None:
    chosen = sys.argv[1:] or list(SHOTS)
    for name in chosen:
        with tempfile.TemporaryDirectory() as cache:
            SHOTS[name](Path(cache))


if __name__ == "__main__":
    main()
