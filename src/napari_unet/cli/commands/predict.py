"""What is typed for ``napari-unet predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded
from napari_unet.cli.options import Axes, Device, Precision


@guarded
def predict(
    model: Annotated[Path, typer.Argument(metavar="M.unet", help="A trained model.")],
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="File, folder or pattern.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")],
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="probability|classes|objects|uncertainty",
            help="What to write; may be given several times. Default: classes, and objects too if "
            "the model was trained on objects.",
        ),
    ] = None,
    tta: Annotated[
        bool | None,
        typer.Option(
            "--tta/--no-tta",
            help="Average over the 8 rotated and mirrored versions: better, 8 times as slow. "
            "Default: as the recipe says that the model was trained with (strokes does).",
            show_default=False,
        ),
    ] = None,
    one_look: Annotated[
        bool,
        typer.Option(
            "--one-look",
            help="Leave out the second look at half the size that models of the recipe live "
            "average with the first in planes: a quarter faster, and a little worse.",
        ),
    ] = False,
    own_size: Annotated[
        bool,
        typer.Option(
            "--own-size",
            help="Predict every image at the size that it has. Default: models of the recipe live "
            "that find objects in planes enlarge an image up to twice, where its objects are "
            "smaller than those that were trained on.",
        ),
    ] = False,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Side of a tile in pixels; changes memory and speed, not the result."
        ),
    ] = None,
    fast: Annotated[
        int | None,
        typer.Option(
            metavar="LEVEL",
            help="UNet++ only: predict with the head of this level (1 is the shallowest) and "
            "compute nothing that it does not need. Default: the mean of all heads.",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="tif|zarr",
            help="tif, or zarr for OME-Zarr folders: compressed, in chunks, for large volumes.",
        ),
    ] = "tif",
    afresh: Annotated[
        bool,
        typer.Option(
            "--afresh",
            help="Predict everything again, also what is finished or half done already.",
        ),
    ] = False,
    axes: Axes = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Predict images with a model.

    For each image writes DIR/<name>.classes.tif (uint8), .objects.tif (int32), .probability.tif
    (float32; class, [t,] [z,] y, x) or .uncertainty.tif (float32, 0 to 1), and prints their paths.
    Images are read and written piece by piece and may be larger than the memory (not so objects:
    they are found in a whole plane or volume). Interrupted in any way, the same command goes on
    where it stopped; an output has its name only when it is whole.

    \b
    Examples:
      napari-unet predict cells.unet images --out predictions
      napari-unet predict cells.unet 'day2/*.tif' --out day2 --output objects --output probability
      napari-unet predict em.unet brain.zarr --out predictions --format zarr
      napari-unet predict nested.unet images --out quick --fast 2
    """
    from napari_unet.cli.predict import run_predict

    run_predict(
        model,
        images,
        out=out,
        outputs=output or [],
        rotations=tta,
        one_look=one_look,
        own_size=own_size,
        tile=tile,
        fast=fast,
        form=form,
        resume=True,
        afresh=afresh,
        axes=axes,
        device=device,
        precision=precision,
    )
