"""``napari-unet verify``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import typer

from napari_unet.cli.console import ProgressLine, note, result
from napari_unet.evaluation.parity import Check, compare, format_certificate, summary
from napari_unet.images.reading import read_image
from napari_unet.model.file import read_header

DOCK_TILE = 256
"""What Predict image takes for images of usual size."""


def run_verify(
    path: Path,
    image: Path,
    *,
    as_json: bool,
    engine: bool,
    axes: str | None,
    device: str,
    precision: str,
) -> None:
    """Print the certificate; exit code 1 when a check fails, :class:`UserError` for bad input."""
    header = read_header(path)  # what is wrong is found out before torch is imported
    opened = read_image(image, axes, header.dims)
    from napari_unet.core import parity
    from napari_unet.engine.one_prediction import predict_in_engine
    from napari_unet.model.model import load

    model = load(path)
    whole = parity.in_memory(model.as_image(opened))
    subject = parity.Subject(model, path.absolute(), whole, device, precision)
    checks: list[Check] = []
    line = ProgressLine()
    with tempfile.TemporaryDirectory(prefix="napari-unet-verify-") as name:
        folder = Path(name)
        try:
            line.show("by Python ...")
            reference = subject.predict()
            line.show("by the command line ...", always=True)
            typing = parity.by_command_line(subject, image.absolute(), folder, whole.axes)
            while True:
                try:
                    next(typing)
                except StopIteration as end:
                    typed = end.value
                    break
            checks.append(compare("command line = Python", typed, reference, subject.limit))
            if engine:
                line.show("by the dock's engine ...", always=True)
                shown = predict_in_engine(
                    subject.path,
                    whole,
                    len(header.classes),
                    device=device,
                    precision=precision,
                    tile=DOCK_TILE,
                    cache_dir=folder,
                )
                checks.append(compare("dock's engine = Python", shown, reference, subject.limit))
            line.show("saved and loaded, in other tiles ...", always=True)
            checks += parity.file_checks(subject, reference, folder)
            checks += parity.tile_checks(subject, reference)
            checks += parity.precision_check(subject, reference)
        finally:
            line.end()
    found = parity.make_certificate(subject, checks, path.name)
    result(json.dumps(found, indent=1) if as_json else format_certificate(found))
    if not found["passed"]:
        note(f"Error: {summary(found)}")
        raise typer.Exit(1)
