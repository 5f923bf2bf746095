"""What is typed for ``napari-unet prune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Device, Precision


@guarded
def prune(
    model: Annotated[Path, typer.Argument(metavar="M.unet", help="A trained model.")],
    images: Annotated[
        str,
        typer.Option(
            metavar="IMAGES",
            help="File, folder or pattern: what to recover with, best what it was trained on.",
        ),
    ],
    labels: Annotated[
        str,
        typer.Option(metavar="LABELS", help="Files of the same names, of the model's label kind."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="N.unet",
            help="The smaller model. An older model there is replaced only on success.",
        ),
    ],
    to: Annotated[
        str, typer.Option(metavar="10%", help="Part of the parameters that stays.")
    ] = "10%",
    method: Annotated[
        str,
        typer.Option(
            metavar="stamp|random|largest",
            help="Which channel goes next. stamp: the one with the weakest activation for its "
            "layer; random: any of that layer; largest: any of the layer that has the most.",
        ),
    ] = "stamp",
    rounds: Annotated[
        int, typer.Option(metavar="N", help="In how many rounds; more are gentler.")
    ] = 4,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How long each round trains, e.g. 20s, the default."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of training steps of each round instead."),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Masks of what is fully annotated, as for train."),
    ] = None,
    axes: Axes = None,
    device: Device = "auto",
    precision: Precision = "auto",
    seed: Annotated[
        int, typer.Option(metavar="N", help="Of the random choices and of the training.")
    ] = 0,
    val: Annotated[
        str,
        typer.Option(
            metavar="auto|none|DIR",
            help="What Dice is measured on, and never trained on. auto: what training held out, if "
            "the images are the same; DIR: a folder with the folders 'images' and 'labels'.",
        ),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a model smaller and faster: take channels out, train a little, and so on.

    Prints the Dice coefficient against the number of parameters, and the path of the new model.
    Ctrl-C stops and writes nothing. For unet, unet3d and lunet.

    \b
    Examples:
      napari-unet prune cells.unet --images images --labels masks --to 10% --out small.unet
      napari-unet prune cells.unet --images images --labels masks --to 3% --method largest \\
        --rounds 6 --budget 1m --out tiny.unet
    """
    from napari_unet.cli.prune import run_prune

    run_prune(
        model,
        images,
        labels,
        out=out,
        as_json=as_json,
        to=to,
        method=method,
        rounds=rounds,
        budget=budget,
        steps=steps,
        regions=regions,
        axes=axes,
        device=device,
        precision=precision,
        seed=seed,
        validation=val,
    )
