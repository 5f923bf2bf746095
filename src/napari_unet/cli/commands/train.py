"""What is typed for ``napari-unet train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Device, Precision, Regions


@guarded
def train(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="File, folder or pattern.")],
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS",
            help="File, folder or pattern; files belong to the images of the same name, apart from "
            "extension.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="M.unet",
            help="Where the model goes. An older model there is replaced only on success.",
        ),
    ],
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="See 'napari-unet networks'. Default: that of the preset."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="live|strokes|paper2015",
            help="live learns fastest; strokes is for a handful of thin strokes in a textured "
            "image; paper2015 is the recipe of the U-Net paper (31 million parameters, slow "
            "without a GPU). Default: live.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Change a number of the preset; may be repeated: noise=0.2 (for images that are "
            "noisier than these), elastic_sd=8, rotation=free, learning_rate=1e-3, w0=0. A "
            "wrong name gives the list.",
        ),
    ] = None,
    label_kind: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="scribbles|classes|objects",
            help="scribbles: 0 = not labelled, 1 = background, 2.. = classes. classes: 0 = "
            "background, 1.. = classes (a 0/255 mask counts as 0/1). objects: 0 = background, "
            "every other number is one object. Default: objects where nearly every number is one "
            "region, else classes; a note says which.",
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            metavar="general|random|M.unet",
            help="Weights to begin with. Default: general, which come with the package, where they "
            "fit the network, else random. A model file is tuned further: it stays as it is, and "
            "the last layer is new where the classes differ.",
        ),
    ] = "auto",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the training in --out where it was, with its network, settings, label "
            "kind and seed: options that say otherwise are refused. --steps counts from the very "
            "beginning, --budget from now.",
        ),
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long to train, e.g. 60s, 2m, 1h, from images in memory to the model. "
            "Default: 60s.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Number of training steps instead.")
    ] = None,
    regions: Regions = None,
    axes: Axes = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="[Z,]Y,X",
            help="Pixel size in micrometres, e.g. 0.5,0.5, or 40,6,6 for volumes, whose poolings "
            "and pieces follow it. Default: what the files say.",
        ),
    ] = None,
    dims: Annotated[
        int | None,
        typer.Option(
            metavar="2|3",
            help="Whether the planes of a stack are images of their own (2) or the stack is a "
            "volume (3). Default: 3 with three pixel sizes or a network for volumes, else 2.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The same seed, data and --steps give the same model, machine by machine. "
            "Default: 0.",
        ),
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(
            metavar="auto|none|DIR",
            help="What is scored while training, and never trained on. auto: parts of the labels "
            "that are held out; DIR: a folder with the folders 'images' and 'labels'. "
            "Default: auto.",
        ),
    ] = None,
) -> None:
    """Train a model on images and labels.

    Prints the path of the model. Ctrl-C stops early and keeps the model trained so far.

    \b
    Examples:
      napari-unet train images masks --out cells.unet --labels objects --budget 2m
      napari-unet train a.png a_strokes.png --out a.unet --labels scribbles --budget 30s
      napari-unet train images masks --out better.unet --start cells.unet
      napari-unet train images masks --out noisy.unet --set noise=0.2 --set w0=0
      napari-unet train images masks --out cells.unet --resume --budget 10m
      napari-unet train em.tif em_labels.tif --out em.unet --axes zyx --spacing 40,6,6
    """
    from napari_unet.cli.train import run_train

    run_train(
        images,
        labels,
        out=out,
        network=network,
        preset=preset,
        settings=settings or [],
        kind=label_kind,
        start=start,
        resume=resume,
        budget=budget,
        steps=steps,
        regions=regions,
        axes=axes,
        spacing=spacing,
        dims=dims,
        device=device,
        precision=precision,
        seed=seed,
        validation=val,
    )
