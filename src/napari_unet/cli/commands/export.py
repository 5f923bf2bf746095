"""What is typed for ``napari-unet export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded


@guarded
def export(
    model: Annotated[Path, typer.Argument(metavar="M.unet", help="A trained model.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="The exported model. An older file is replaced only on success."
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            metavar="bioimageio|onnx",
            help="bioimageio: a zip for the BioImage Model Zoo (ilastik, deepImageJ, QuPath...). "
            "onnx: one file for ONNX Runtime and others.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Default: the name of the model file.")
    ] = None,
    description: Annotated[
        str, typer.Option(metavar="TEXT", help="What the model does. Default: from its classes.")
    ] = "",
    author: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who made it; may be given several times."),
    ] = None,
    license: Annotated[
        str, typer.Option(metavar="SPDX", help="Terms under which others may use it.")
    ] = "CC-BY-4.0",
    cite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOI",
            help="What to cite beside the papers of the network; may be given several times.",
        ),
    ] = None,
) -> None:
    """Hand a model to other programs.

    The exported model gives probabilities. It is run and compared with this one before anything is
    written; the largest difference is printed. Prints the path of the file. Needs
    pip install 'napari-unet-live[export]'.

    \b
    Examples:
      napari-unet export cells.unet --format bioimageio --out cells.zip --author "A. Person"
      napari-unet export cells.unet --format onnx --out cells.onnx
    """
    from napari_unet.cli.export import run_export

    run_export(
        model,
        format=format,
        out=out,
        name=name,
        description=description,
        authors=author or [],
        license=license,
        cite=cite or [],
    )
