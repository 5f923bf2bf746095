"""napari's window from the command line. napari is imported only when it is opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from napari_unet.errors import UserError

PLUGIN, DOCK = "napari-unet-live", "U-Net"


def has_display() -> bool:
    """Whether a window can be opened; Qt would end the process otherwise."""
    if sys.platform != "linux":
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return any(os.environ.get(name) for name in names)


def open_gui(images: list[str]) -> None:
    """napari with the dock and the images; returns when the window is closed.

    :class:`UserError` for images that are missing, and where there is no display or no Qt.
    """
    from napari_unet.images.reading import find_files

    paths = [path for image in images for path in find_files(image)]
    viewer = _viewer()
    if paths:
        viewer.open([str(path) for path in paths], stack=False)
    _run()


def open_demo(prediction: Path) -> None:
    """napari with the demo's photograph, its strokes and the predicted classes, and the dock."""
    from napari_unet.images.reading import read_image
    from napari_unet.samples import coins_layers

    viewer = _viewer()
    for layer in coins_layers():
        viewer.add_layer(_layer(layer))
    viewer.add_labels(read_image(prediction).read()[0], name="coins: demo", opacity=0.5)
    _run()


def _viewer() -> Any:
    if not has_display():
        raise UserError(
            "There is no display to open napari on; use the commands train and predict."
        )
    try:
        import napari

        viewer = napari.Viewer()
    except ImportError as error:
        raise UserError(
            f"napari cannot be opened ({error}); install it with a window toolkit: "
            f"pip install 'napari-unet-live[all]'."
        ) from error
    viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    return viewer


def _layer(data: tuple[Any, dict[str, Any], str]) -> Any:
    from napari.layers import Layer

    return Layer.create(*data)


def _run() -> None:
    import napari

    napari.run()
