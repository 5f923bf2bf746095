"""``napari-unet demo``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import typer

from napari_unet.cli.console import ProgressLine, check_folder, note, result


def run_demo(out: Path, *, headless: bool, budget: str) -> None:
    """Run the demo; prints the scores as JSON. Opens napari with the result unless ``headless``.

    With a window the work is done by another process: napari's own never imports torch.
    """
    from napari_unet.core.seconds import parse_seconds

    seconds = parse_seconds(budget)
    check_folder(out)
    if headless:
        _work(out, seconds)
        return
    from napari_unet.cli.window import has_display, open_demo
    from napari_unet.demo import MODEL

    _command("demo", "--headless", "--out", str(out), "--budget", f"{seconds}s")
    if not has_display():
        note("There is no display to open napari on; --headless says that none is wanted.")
        return
    image = _photograph(out)
    _command("predict", str(out / MODEL), str(image), "--out", str(out))
    note("Opening napari; close its window to end.")
    open_demo(out / f"{image.stem}.classes.tif")


def _work(out: Path, seconds: float) -> None:
    from napari_unet.cli.train import tell
    from napari_unet.demo import MODEL, PICTURE, SCORES, run

    line = ProgressLine()
    try:
        scores = run(out, budget=seconds, on_event=lambda event: tell(event, line))
    finally:
        line.end()
    note(f"Written: {out / MODEL}, {out / PICTURE}, {out / SCORES}")
    result(json.dumps(scores, indent=1))


def _command(*arguments: str) -> None:
    """Run one of our commands in a fresh interpreter; its failure is ours."""
    code = subprocess.run([sys.executable, "-m", "napari_unet.cli", *arguments], check=False)
    if code.returncode:
        raise typer.Exit(code.returncode)


def _photograph(out: Path) -> Path:
    import imageio.v3 as iio

    from napari_unet.samples import coins

    path = out / "coins.png"
    iio.imwrite(path, coins().image)
    return path
