"""``napari-unet prune``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.console import ProgressLine, note, result
from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.model.model import Model
    from napari_unet.training.events import Event


def run_prune(
    model: Path, images: str, labels: str, *, out: Path, as_json: bool, **options: Any
) -> None:
    """Prune, save, and print the curve."""
    from napari_unet.model.file import read_header
    from napari_unet.pruning.criteria import check_method
    from napari_unet.pruning.curve import parse_share, table

    # What can be wrong is found out before torch is imported.
    check_method(options["method"])
    parse_share(options["to"])
    read_header(model)
    _check_out(out, model)
    from napari_unet.model.model import load
    from napari_unet.pruning.prepare import prepare

    whole = load(model)
    before = _kilobytes(whole)
    pruner = prepare(whole, images, labels, **options)
    for text in pruner.data.notes:
        note(f"Note: {text}")
    line = ProgressLine()
    points = []
    try:
        for point in pruner.run(lambda event: _tell(event, line)):
            points.append(point)
            line.note(f"Round {point.round}: {_sentence(point.parameters, point.mean_dice)}")
    finally:
        line.end()
    pruner.model.save(out)
    after = _kilobytes(pruner.model)
    note(f"The weights take {after:,.0f} KiB, before {before:,.0f} KiB.")
    if points[0].mean_dice is None:
        note("Note: nothing was held out, so Dice is not known; give --val DIR.")
    if as_json:
        report = {
            "method": pruner.method,
            "seed": pruner.seed,
            "curve": [point.as_json() for point in points],
            "out": str(out),
        }
        result(json.dumps(report, indent=1))
        return
    result(table(points))
    result(str(out))


def _kilobytes(model: Model) -> float:
    tensors = model.network.state_dict().values()
    return float(sum(t.numel() * t.element_size() for t in tensors)) / 1024


def _sentence(parameters: int, dice: float | None) -> str:
    return f"{parameters:,} parameters" + ("" if dice is None else f", Dice {dice:.4f}")


def _check_out(out: Path, model: Path) -> None:
    from napari_unet.model.file import read_header

    folder = out.absolute().parent
    if not folder.is_dir():
        raise UserError(f"{out} cannot be saved: there is no folder {folder}.")
    if not os.access(folder, os.W_OK):  # or all rounds would be for nothing
        raise UserError(f"{out} cannot be saved: no permission to write in {folder}.")
    if not out.exists():
        return
    if out.samefile(model):
        raise UserError(f"{out} is the model to prune: give --out another name.")
    try:
        read_header(out)
    except UserError as error:
        raise UserError(
            f"{out} exists and is not a model that this version can read: give --out another "
            f"name. ({error})"
        ) from None


def _tell(event: Event, line: ProgressLine) -> None:
    from napari_unet.training.events import Notice, Progress

    if isinstance(event, Notice):
        line.note(f"Note: {event.message}")
    elif isinstance(event, Progress):
        line.show(f"step {event.step}   loss {event.loss:.3f}   {event.seconds:.0f} s")
