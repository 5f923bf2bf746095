"""``napari-unet train``."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from napari_unet.cli.console import ProgressLine, gathered, note, result
from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.core import Run
    from napari_unet.training.events import Event

FIRST_CHECKPOINT = 60.0
"""Seconds into a training after which it is kept beside ``--out`` for the first time."""

OPTIONS = {"network": "--network", "voxel": "--spacing"}
"""Fields of a recipe that have an option of their own."""


def run_train(
    images: str,
    labels: str,
    *,
    out: Path,
    resume: bool,
    start: str,
    spacing: str | None,
    settings: Sequence[str] = (),
    **options: Any,
) -> None:
    """Train and save; prints the path of the model. Raises typer.Exit when it was interrupted."""
    _check_out(out, resume=resume, start=start)
    sizes = parse_spacing(spacing) if spacing is not None else None
    changed = parse_settings(settings)
    from napari_unet.core import prepare

    checkpoint = _checkpoint(out)
    resume_from = None
    if resume:
        resume_from = checkpoint if checkpoint.exists() else out
    run = prepare(
        images, labels, start=start, spacing=sizes, resume_from=resume_from, **options, **changed
    )
    if not resume:
        _set_aside(checkpoint, out)
    line = ProgressLine()
    try:
        with _stopped_by_signals(run) as received:
            _follow(run, line, checkpoint)
    finally:
        line.end()
    if run.trainer.step == 0:
        note("Stopped before the first step: nothing was saved.")
    else:
        run.model().save(out, run.trainer.state())
        checkpoint.unlink(missing_ok=True)
        result(str(out))
    if received:
        raise typer.Exit(128 + received[0])


def parse_spacing(text: str) -> tuple[float, ...]:
    """``0.5,0.5`` as numbers; :class:`UserError` for anything else."""
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"The pixel size {text!r} is not understood: write numbers with commas between, e.g. "
            f"0.5,0.5 (y, x) or 2,0.5,0.5 (z, y, x)."
        ) from None
    return sizes


def parse_settings(given: Sequence[str]) -> dict[str, Any]:
    """``noise=0.2`` and the like by name: numbers, true and false, or words.

    :class:`UserError` for what is no field of a recipe or has an option of its own.
    """
    from napari_unet.training.presets import SETTINGS, no_such_setting

    settings: dict[str, Any] = {}
    for one in given:
        name, equals, value = (part.strip() for part in one.partition("="))
        if not (name and equals and value):
            raise UserError(
                f"--set {one!r} is not understood: write NAME=VALUE, for example noise=0.2."
            )
        if name in OPTIONS:
            raise UserError(f"--set {one!r}: use {OPTIONS[name]} for it.")
        if name not in SETTINGS:  # nor any other argument of the training
            raise no_such_setting(name)
        if name in settings:
            raise UserError(f"--set {name} is given twice: give it once.")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
        if name == "arguments" and not isinstance(settings[name], dict):
            raise UserError(f"--set {one!r}: write the network's own as '{{\"width\": 32}}'.")
    return settings


def _check_out(out: Path, *, resume: bool, start: str) -> None:
    """What could go wrong with ``out`` after the training, found out before it."""
    from napari_unet.model.file import read_header

    if resume and not out.exists() and not _checkpoint(out).exists():
        raise UserError(f"There is no model {out} to resume; leave out --resume.")
    if out.exists():
        try:
            read_header(out)
        except UserError as error:
            raise UserError(
                f"{out} exists and is not a model that this version can read: give --out another "
                f"name. ({error})"
            ) from None
    if not resume and start not in ("auto", "random", "general"):
        for written in (out, _checkpoint(out)):
            if written.exists() and Path(start).exists() and written.samefile(start):
                raise UserError(
                    f"{written} is the model to start from and would be overwritten: give --out "
                    f"another name, or use --resume to go on with it."
                )
    folder = next((p for p in out.absolute().parents if p.exists()), None)
    if folder is None or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"{out} cannot be saved: no permission to write in {folder}.")


def _checkpoint(out: Path) -> Path:
    """Where a training to ``out`` is kept until it is finished."""
    return out.with_name(f"{out.stem}.checkpoint.unet")


def _set_aside(checkpoint: Path, out: Path) -> None:
    """What an interrupted training to ``out`` has left is not overwritten by a new one."""
    if not checkpoint.exists():
        return
    kept, number = out.with_name(f"{out.stem}.interrupted.unet"), 1
    while kept.exists():
        number += 1
        kept = out.with_name(f"{out.stem}.interrupted-{number}.unet")
    try:
        checkpoint.rename(kept)
    except OSError as error:
        raise UserError(f"{checkpoint} cannot be kept as {kept}: {error.strerror}.") from error
    note(
        f"An earlier training to {out} was interrupted: how far it came is kept as {kept}. To go "
        f"on with it, stop this one and type the command with --resume --out {kept}."
    )


@contextmanager
def _stopped_by_signals(run: Run) -> Iterator[list[int]]:
    """Ctrl-C or a polite kill (as from a cluster's scheduler) ends the training after this step."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        run.trainer.stop()
        note(
            "\nStopping: the model trained so far is kept. (Ctrl-C again: stop at once, keep none.)"
        )

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(run: Run, line: ProgressLine, checkpoint: Path) -> None:
    from napari_unet.core import TrainingError
    from napari_unet.training.events import Checkpoint, Failed

    run.trainer.checkpoint_cost = FIRST_CHECKPOINT / 20
    for event in run.events():
        if isinstance(event, Failed):
            raise TrainingError(event.message, event.details)
        if isinstance(event, Checkpoint):
            clock = time.perf_counter()
            run.model().save(checkpoint, event.state)
            spent = time.perf_counter() - clock
            run.trainer.checkpoint_cost = spent
            run.trainer.seconds += spent  # the budget is wall time
        tell(event, line)


def tell(event: Event, line: ProgressLine) -> None:
    """Show an event of the training."""
    from napari_unet.training.events import Finished, Notice, Progress, Started

    match event:
        case Started():
            line.note(
                f"Training {event.network} ({event.parameters:,} parameters) on {event.device}, "
                f"{event.precision}, {event.batch} tile(s) of "
                f"{' x '.join(map(str, event.tile))} pixels a step."
            )
            for text in gathered(event.notes):
                line.note(f"Note: {text}")
        case Notice():
            line.note(f"Note: {event.message}")
        case Progress():
            text = (
                f"step {event.step}   loss {event.loss:.3f}   "
                f"{event.steps_per_second:.1f} steps/s   {event.seconds:.0f} s"
            )
            if event.validation is not None and event.validation.mean is not None:
                text += f"   validation IoU {event.validation.mean:.3f}"
            line.show(text, always=event.validation is not None)
        case Finished():
            score = event.validation.mean if event.validation is not None else None
            line.note(
                f"Finished after {event.step} steps, {event.seconds:.1f} s"
                + (f"; validation IoU {score:.3f}." if score is not None else ".")
            )
        case _:
            pass
