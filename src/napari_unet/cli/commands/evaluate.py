"""What is typed for ``napari-unet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded


@guarded
def evaluate(
    predictions: Annotated[
        str, typer.Argument(metavar="PREDICTIONS", help="File, folder or pattern.")
    ],
    truth: Annotated[
        str, typer.Argument(metavar="TRUTH", help="Files of the same names, apart from extension.")
    ],
    label_kind: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="classes|objects",
            help="classes: 0 = background, 255 = left out; objects: ids. Default: what TRUTH looks "
            "like; a note says which.",
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="all|NAME,...",
            help="Which metrics, e.g. iou,dice,hausdorff95,ap50,seg; a wrong name lists them all. "
            "ece needs *.probability.tif beside the classes.",
        ),
    ] = "all",
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a row for each image to FILE."),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Masks of the same names: only where they are non-zero is scored."
        ),
    ] = None,
    dims: Annotated[
        int | None,
        typer.Option(
            metavar="2|3",
            help="2: each plane of a stack is scored by itself, as 2D models need it. Default: "
            "files with a z axis are volumes.",
        ),
    ] = None,
    held_out: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--held-out",
            metavar="PREDICTIONS TRUTH",
            help="Other images, with *.probability.tif: membranes are also scored at the threshold "
            "that is best for these (rand_error_held_out), beside the test-optimal one.",
        ),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a row for each missed, false, split and merged object to FILE: where, "
            "and which ids.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare predictions with the truth.

    Overlap, outlines, errors of membranes and calibration of classes; what was found, missed,
    split and merged of objects. The table holds the mean over images with its 95 % bootstrap
    interval, and the score of all images as one (pooled). Undefined values are "-", null in JSON,
    empty in CSV.

    \b
    Examples:
      napari-unet evaluate predictions masks --labels objects
      napari-unet evaluate predictions masks --metrics iou,hausdorff95 --csv scores.csv
      napari-unet evaluate predictions masks --json > scores.json
      napari-unet evaluate predictions masks --labels objects --errors mistakes.csv
      napari-unet evaluate test masks --labels classes --held-out validation validation-masks
    """
    from napari_unet.cli.evaluate import run_evaluate

    run_evaluate(
        predictions,
        truth,
        kind=label_kind,
        metrics=metrics,
        as_json=as_json,
        csv=csv,
        regions=regions,
        dims=dims,
        held_out=held_out,
        errors=errors,
    )
