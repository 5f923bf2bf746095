"""What is typed for ``napari-unet networks``."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Json


@guarded
def networks(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one. Default: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The networks there are, when to choose which, and their figures.

    \b
    Example:
      napari-unet networks unet --json
    """
    from napari_unet.cli.networks import run_networks

    run_networks(name, as_json=as_json)
