"""What is typed for ``napari-unet gui``."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_unet.cli.console import guarded


@guarded
def gui(
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGES]...", help="Images to open.")
    ] = None,
) -> None:
    """Open napari with the U-Net dock.

    \b
    Example:
      napari-unet gui cells.tif
    """
    from napari_unet.cli.window import open_gui

    open_gui(images or [])
