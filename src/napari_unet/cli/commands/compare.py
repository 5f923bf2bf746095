"""What is typed for ``napari-unet compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import fail, guarded, refuse_others
from napari_unet.cli.options import IMAGES, LABELS, Axes, Device, Kind, Precision, Regions


@guarded
def compare(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for the report and the result of each run. With the same command again, "
            "what is there is not computed anew.",
        ),
    ],
    images: Annotated[str | None, IMAGES] = None,
    labels: Annotated[str | None, LABELS] = None,
    networks: Annotated[
        str | None,
        typer.Option(
            metavar="a,b,c|all",
            help="Networks to compare, see 'napari-unet networks'; unet always takes part, as the "
            "others are tested against it.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Training of each run, e.g. 30s, 2m. Default: 60s."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Training steps of each run instead.")
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            metavar="K",
            help="Each network is trained K times, each time without one Kth of the images, which "
            "are then predicted.",
        ),
    ] = 3,
    transfer: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="IMAGES LABELS",
            help="Another data set with the same classes, predicted without training (zero-shot).",
        ),
    ] = None,
    label_kind: Kind = None,
    regions: Regions = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What is compared: iou, iou_0.., mean_iou, dice, pixel_error; ap50, seg of "
            "objects. Can be changed later without training anew. Default: iou, of three classes "
            "and more mean_iou.",
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="live|strokes|paper2015", help="Recipe, the same for all.")
    ] = "live",
    start: Annotated[
        str,
        typer.Option(
            metavar="random|general",
            help="random: all alike. general: unet alone begins with the weights that come with "
            "the package, as they exist for it only; the report says so.",
        ),
    ] = "random",
    axes: Axes = None,
    dims: Annotated[
        int, typer.Option(metavar="2|3", help="3: z is spatial; 2: each plane is an image.")
    ] = 2,
    device: Device = "auto",
    precision: Precision = "auto",
    seed: Annotated[int, typer.Option(metavar="N", help="Of weights and training pieces.")] = 0,
) -> None:
    """Compare networks on your images, as U-Bench does.

    Trains every network alike on a part of the images, tests it on the others, and writes a report
    for readers who ask how: accuracy by image, parameters, multiply-adds, frames per second on this
    machine, paired t-tests against unet, zero-shot on other images, plots, CSV and JSON. Prints
    the path of report.md. Can be interrupted at any time and repeated to go on; --out alone goes on
    with what is in that folder, also where it was begun in napari.

    \b
    Examples:
      napari-unet compare images masks --networks unet,cmunext,ulite --budget 60s --out comparison
      napari-unet compare images masks --networks all --budget 2m --out comparison
      napari-unet compare a/images a/masks --networks all --transfer b/images b/masks --out a-to-b
      napari-unet compare --out comparison
    """
    from napari_unet.cli.compare import run_again, run_compare

    if images is None:
        refuse_others(context, "out", "networks", "metric")
        run_again(out=out, networks=networks, metric=metric)
        return
    if labels is None:
        fail("LABELS are missing: give them after IMAGES.", code=2)
    if networks is None:
        fail("--networks is missing: name some, or all.", code=2)
    run_compare(
        images,
        labels,
        out=out,
        networks=networks,
        budget=budget,
        steps=steps,
        folds=folds,
        transfer=transfer,
        kind=label_kind,
        regions=regions,
        metric=metric,
        preset=preset,
        start=start,
        axes=axes,
        dims=dims,
        device=device,
        precision=precision,
        seed=seed,
    )
