"""What is typed for ``napari-unet advise``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Device, Images, Json, Kind, Labels, Precision, Regions


@guarded
def advise(
    images: Images,
    labels: Labels,
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Memory that training and predicting may take, e.g. 4GB; of the GPU where there "
            "is one.",
        ),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds-per-image",
            metavar="SECONDS",
            help="How long predicting an image may take, e.g. 0.5.",
        ),
    ] = None,
    comparison: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of a finished 'napari-unet compare' on such images: what it found counts.",
        ),
    ] = None,
    label_kind: Kind = None,
    regions: Regions = None,
    axes: Axes = None,
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: Json = False,
) -> None:
    """Which network, width, patch and weight map for these images, and why.

    Measures what images and labels look like, tries some networks for a few steps on this machine,
    and ranks them; takes about half a minute.

    \b
    Examples:
      napari-unet advise images masks --max-memory 4GB --max-seconds-per-image 0.5
      napari-unet advise images masks --comparison comparison --json
    """
    from napari_unet.cli.advise import run_advise

    run_advise(
        images,
        labels,
        max_memory=max_memory,
        max_seconds=max_seconds,
        comparison=comparison,
        kind=label_kind,
        regions=regions,
        axes=axes,
        device=device,
        precision=precision,
        as_json=as_json,
    )
