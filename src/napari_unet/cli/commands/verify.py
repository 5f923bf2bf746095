"""What is typed for ``napari-unet verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Device, Json


@guarded
def verify(
    model: Annotated[Path, typer.Argument(metavar="M.unet", help="A trained model.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="One image; it fits in memory.")],
    as_json: Json = False,
    engine: Annotated[
        bool,
        typer.Option("--engine/--no-engine", help="Ask the dock's engine, too (some seconds)."),
    ] = True,
    axes: Axes = None,
    device: Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            metavar="auto|float32|bf16|fp16",
            help="Numbers to compute with. In float32 next to nothing may differ.",
        ),
    ] = "float32",
) -> None:
    """Certify that a model gives the same result whichever way it is used.

    Predicts an image by Python, by the command line and by the dock's engine, with the model as it
    is and saved and loaded again, in tiles of two sizes and in one piece, and prints the greatest
    difference of two probabilities for each pair. The exit code is 0 if all are as small as
    rounding, 1 if not.

    \b
    Examples:
      napari-unet verify cells.unet images/a.tif
      napari-unet verify cells.unet images/a.tif --json > certificate.json
    """
    from napari_unet.cli.verify import run_verify

    run_verify(
        model,
        image,
        as_json=as_json,
        engine=engine,
        axes=axes,
        device=device,
        precision=precision,
    )
