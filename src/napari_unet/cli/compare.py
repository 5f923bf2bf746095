"""``napari-unet compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.console import ProgressLine, gathered, note, result
from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.comparison.events import Planned, Ran


def run_compare(images: str, labels: str, *, out: Path, networks: str, **options: Any) -> None:
    """Compare and print the path of the report; :class:`UserError` at the end if runs failed."""
    from napari_unet.comparison.events import Planned, Ran, Reported, Training
    from napari_unet.comparison.running import compare

    chosen: Any = "all" if networks.strip() == "all" else networks.split(",")
    line = ProgressLine()
    begun = False
    try:
        for event in compare(images, labels, out, networks=chosen, **options):
            match event:
                case Planned():
                    begun = True
                    _tell_plan(event)
                case Training():
                    line.show(
                        f"[{event.number}/{event.runs}] {event.network}, fold {event.fold}: step "
                        f"{event.step}   loss {event.loss:.3f}   {event.seconds:.0f} s"
                    )
                case Ran():
                    _tell_run(event, line)
                case Reported():
                    result(str(event.report))
                    if event.failed:
                        first = event.failed[0]
                        raise UserError(
                            f"{len(event.failed)} run(s) failed; the first one, {first.network} "
                            f"fold {first.fold}: {first.failed.rstrip('.')}. The report holds the "
                            f"others; repeat the command to try again."
                        )
    except KeyboardInterrupt:
        line.end()
        if begun:
            note(f"What is finished is kept in {out}: repeat the command to go on.")
        raise
    finally:
        line.end()


def _tell_plan(event: Planned) -> None:
    from napari_unet.comparison.progress import duration

    for text in gathered(event.notes):
        note(f"Note: {text}")
    text = f"{len(event.networks)} networks on {event.images} images: {event.runs} runs"
    if event.finished:
        text += f", {event.finished} of them finished before"
    if event.seconds:
        text += f"; {duration(event.seconds)} of training, and some prediction, to come"
    note(f"{text}.")


def _tell_run(event: Ran, line: ProgressLine) -> None:
    found = event.result
    head = f"[{event.number}/{event.runs}] {found.network}, fold {found.fold}: "
    if found.failed:
        line.note(f"{head}failed. {found.failed}")
        return
    name = next(iter(found.test[0].values))
    known = [v for one in found.test if (v := one.values[name]) is not None]
    mean = f"{sum(known) / len(known):.3f}" if known else "-"
    line.note(
        f"{head}{name} {mean} after {found.steps} steps, {found.seconds:.1f} s; "
        f"{found.frames_per_second:.1f} frames a second"
    )
