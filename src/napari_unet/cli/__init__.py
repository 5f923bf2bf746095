"""The command ``napari-unet``. Importing it imports neither torch nor napari nor numpy."""

from __future__ import annotations

from napari_unet.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the console command."""
    app()
