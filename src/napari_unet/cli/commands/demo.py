"""What is typed for ``napari-unet demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_unet.cli.console import guarded


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
