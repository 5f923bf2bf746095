"""The commands and their options; what they do lies in the modules beside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from napari_unet import __version__
from napari_unet.cli.console import guarded

app = typer.Typer(
    name="napari-unet",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Device = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute; auto takes the best.")
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="auto|float32|bf16|fp16", help="Numbers to compute with; auto takes the fastest."
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="LETTERS",
        help="What the dimensions of the images are, one letter of tzcyx each, e.g. zcyx. Default: "
        "what the files say, or follows from their shape.",
    ),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-unet-live {__version__}")
        raise typer.Exit


@app.callback()
def _main(
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
    # As in the engine: OpenMP threads that spin while they wait would take the processor from
    # each other when anything else runs. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command()
@guarded
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a window; ends when all is written.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")] = Path(
        "demo-out"
    ),
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="How long to train, e.g. 30s or 2m.")
    ] = "30s",
) -> None:
    """Train on a bundled photograph and score the result.

    Trains on a few hand-made strokes on one part of the picture, predicts, and scores the result
    on another part whose object outlines were drawn by hand and never trained on. Leaves
    model.unet, demo.png and scores.json. Without --headless napari then opens with the result.

    \b
    Example:
      napari-unet demo --headless --out demo-out
    """
    from napari_unet.cli.demo import run_demo

    run_demo(out, headless=headless, budget=budget)


@app.command()
@guarded
def gui(
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGES]...", help="Images to open.")
    ] = None,
) -> None:
    """Open napari with the U-Net dock.

    \b
    Example:
      napari-unet gui cells.tif
    """
    from napari_unet.cli.window import open_gui

    open_gui(images or [])


@app.command()
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
        str,
        typer.Option(
            metavar="live|paper2015",
            help="live learns fastest; paper2015 is the recipe of the U-Net paper (31 million "
            "parameters, slow without a GPU).",
        ),
    ] = "live",
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
            "kind and seed. --steps counts from the very beginning, --budget from now.",
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
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Masks of the same names: non-zero = fully annotated. Elsewhere, 0 counts as not "
            "labelled. Without, classes and objects count as complete.",
        ),
    ] = None,
    axes: Axes = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="Y,X",
            help="Pixel size in micrometres, e.g. 0.5,0.5. Default: what the files say.",
        ),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="The same seed, data and --steps give the same model, machine by machine.",
        ),
    ] = 0,
    val: Annotated[
        str,
        typer.Option(
            metavar="auto|none|DIR",
            help="What is scored while training, and never trained on. auto: parts of the labels "
            "that are held out; DIR: a folder with the folders 'images' and 'labels'.",
        ),
    ] = "auto",
) -> None:
    """Train a model on images and labels.

    Prints the path of the model. Ctrl-C stops early and keeps the model trained so far.

    \b
    Examples:
      napari-unet train images masks --out cells.unet --labels objects --budget 2m
      napari-unet train a.png a_strokes.png --out a.unet --labels scribbles --budget 30s
      napari-unet train images masks --out better.unet --start cells.unet
      napari-unet train images masks --out cells.unet --resume --budget 10m
    """
    from napari_unet.cli.train import run_train

    run_train(
        images,
        labels,
        out=out,
        network=network,
        preset=preset,
        kind=label_kind,
        start=start,
        resume=resume,
        budget=budget,
        steps=steps,
        regions=regions,
        axes=axes,
        spacing=spacing,
        device=device,
        precision=precision,
        seed=seed,
        validation=val,
    )


@app.command()
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
        bool,
        typer.Option(
            "--tta",
            help="Average over the 8 rotated and mirrored versions: better, 8 times as slow.",
        ),
    ] = False,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Side of a tile in pixels; changes memory and speed, not the result."
        ),
    ] = None,
    axes: Axes = None,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Predict images with a model.

    For each image writes DIR/<name>.classes.tif (uint8), .objects.tif (int32), .probability.tif
    (float32; class, [t,] [z,] y, x) or .uncertainty.tif (float32, 0 to 1), and prints their paths.
    Images are read and written piece by piece and may be larger than the memory.

    \b
    Examples:
      napari-unet predict cells.unet images --out predictions
      napari-unet predict cells.unet 'day2/*.tif' --out day2 --output objects --output probability
    """
    from napari_unet.cli.predict import run_predict

    run_predict(
        model,
        images,
        out=out,
        outputs=output or [],
        rotations=tta,
        tile=tile,
        axes=axes,
        device=device,
        precision=precision,
    )


@app.command()
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
    )


@app.command()
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


@app.command()
@guarded
def networks(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """The networks there are, when to choose which, and their figures.

    \b
    Example:
      napari-unet networks unet --json
    """
    from napari_unet.cli.networks import run_networks

    run_networks(name, as_json=as_json)
