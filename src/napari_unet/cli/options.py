"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

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
