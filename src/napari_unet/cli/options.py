"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

IMAGES = typer.Argument(metavar="IMAGES", help="File, folder or pattern.")
LABELS = typer.Argument(metavar="LABELS", help="Files of the same names, apart from extension.")
Images = Annotated[str, IMAGES]
Labels = Annotated[str, LABELS]
Kind = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="scribbles|classes|objects",
        help="Kind of the labels, as for train. Default: what they look like; a note says which.",
    ),
]
Regions = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Masks of the same names: non-zero = fully annotated. Elsewhere, 0 counts as not "
        "labelled. Without, classes and objects count as complete.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
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
