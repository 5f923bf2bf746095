"""Picture of the inspector "U-Net: Check": labels with several mistakes.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/check.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screenshots import Window

from napari_unet.samples import touching_cells_layers


def check(cache: Path) -> None:
    """Touching cells of which two share an id, two grew together, and the brush slipped."""
    from napari_unet.plugin.inspectors.check import CheckDock

    window = Window(touching_cells_layers(), cache)
    session = window.session
    one = session.labels[session.current.id]
    labels = np.array(one.layer.data)
    ids = np.unique(labels)[1:]
    labels[labels == ids[5]] = ids[20]
    rng = np.random.default_rng(0)
    empty = np.argwhere(labels == 0)
    for y, x in empty[rng.choice(len(empty), 6, replace=False)]:
        labels[y, x] = ids[0]
    inside = [np.argwhere(labels == i).mean(0).round().astype(int) for i in ids[8:11]]
    for y, x in inside:
        labels[y, x] = 0
    one.layer.data = labels
    window.click("mark_view")
    dock = CheckDock(window.viewer)
    frame = window.viewer.window.add_dock_widget(
        dock, name="U-Net: Check", area="right", tabify=True
    )
    frame.show()
    frame.raise_()
    dock.check()
    window.wait(10, until=lambda: not dock.busy)
    dock.dry_run()
    window.wait(90, until=lambda: "s a step" in dock.measured.text())
    window.save("check")
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder))
