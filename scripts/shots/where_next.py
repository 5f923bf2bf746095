"""Picture of the inspector "U-Net: Where next" on the coins, after a little training.

QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/shots/where_next.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screenshots import Window

from napari_unet.plugin.derived import find
from napari_unet.samples import coins_layers


def where_next(cache: Path) -> None:
    """Train on the strokes, look, jump to the first region."""
    from napari_unet.plugin.inspectors.where_next import WhereNextDock

    window = Window(coins_layers(), cache)
    session = window.session
    dock = WhereNextDock(window.viewer)
    frame = window.viewer.window.add_dock_widget(
        dock, name="U-Net: Where next", area="right", tabify=True
    )
    frame.show()
    frame.raise_()
    window.click("train")
    window.wait(60, until=lambda: find(window.viewer, session.current, "prediction") is not None)
    window.wait(8)
    window.click("stop")
    window.wait(30, until=lambda: session.training.phase == "stopped")
    dock.look_anew()
    window.wait(60, until=lambda: not dock.busy)
    dock.next()
    window.viewer.scene.camera.zoom = 2.6
    window.save("where-next")
    window.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        where_next(Path(folder))
