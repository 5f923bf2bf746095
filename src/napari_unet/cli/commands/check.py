"""What is typed for ``napari-unet check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Images, Json, Kind


@guarded
def check(
    images: Images,
    labels: Annotated[
        str | None,
        typer.Argument(
            metavar="[LABELS]",
            help="Files of the same names, apart from extension. Without: only images are checked.",
        ),
    ] = None,
    label_kind: Kind = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="M.unet",
            help="Also compare pixel size, channels and intensities with what it was trained on.",
        ),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write mended labels there as TIFF; those that were given are left alone.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Also make a few training steps: seconds a step, memory, batch and tile here; "
            "with --model of its network, in 2D or 3D as it is.",
        ),
    ] = False,
    axes: Axes = None,
    as_json: Json = False,
) -> None:
    """Find what is wrong with images and labels before training or predicting.

    Prints a line for each finding: error (cannot be used), warning (spoils the result) or note.
    Exits with 1 when there are errors.

    \b
    Examples:
      napari-unet check images masks --labels objects
      napari-unet check images masks --fix mended --dry-run
      napari-unet check new_images --model cells.unet --json
    """
    from napari_unet.cli.check import run_check

    run_check(
        images,
        labels,
        kind=label_kind,
        model=model,
        fix=fix,
        dry_run=dry_run,
        axes=axes,
        as_json=as_json,
    )
