"""``napari-unet``: its commands. What is typed for each lies in commands/, what they do beside."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_unet import __version__
from napari_unet.cli.commands import (
    advise,
    check,
    compare,
    demo,
    evaluate,
    export,
    gui,
    networks,
    predict,
    prune,
    train,
    verify,
)
from napari_unet.processor import make_ready

app = typer.Typer(
    name="napari-unet",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-unet-live {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """The U-Net that learns while you paint: train it, predict with it, score it.

    \b
    Images are a file, a folder or a quoted pattern such as 'data/*.tif': TIFF (also OME and
    ImageJ), PNG, JPEG, BMP, .npy, zarr. Results go to standard output, everything else to standard
    error; on bad input the exit code is not 0 and the message says what to do.
    """
    if context.invoked_subcommand != "gui":  # whose engine is another process
        make_ready()


COMMANDS = (
    demo.demo,
    gui.gui,
    check.check,
    train.train,
    predict.predict,
    evaluate.evaluate,
    prune.prune,
    compare.compare,
    advise.advise,
    verify.verify,
    export.export,
    networks.networks,
)
"""In the order of the help text."""

for _command in COMMANDS:
    app.command()(_command)
