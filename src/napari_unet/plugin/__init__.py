"""The napari side: state without widgets, and widgets that show it. Qt is known only here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["launch"]


def launch(
    images: Sequence[str | Path] = (), *, layers: Sequence[Any] = (), run: bool = True
) -> Any:
    """Open napari with the dock, the images and layer tuples; returns the viewer.

    With ``run`` it returns when the window is closed. Raises UserError for unreadable images.
    """
    import napari

    from napari_unet.images.reading import read_image
    from napari_unet.plugin.main_dock import make_dock

    opened = [read_image(Path(path)) for path in images]
    viewer = napari.Viewer(title="U-Net")
    for image in opened:
        rgb = image.axes.endswith("c") and image.channels in (3, 4)
        viewer.add_image(image.data, name=image.name, rgb=rgb)
    for data, arguments, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **arguments)
    viewer.window.add_dock_widget(make_dock(viewer), name="U-Net", area="right")
    viewer.fit_to_view()
    if run:
        napari.run()
    return viewer
