"""``napari-unet compare``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.cli.console import ProgressLine, gathered, note, result
from napari_unet.errors import UserError

if TYPE_CHECKING:
    from napari_unet.comparison.events import Planned, Ran


def run_compare(images: str, labels: str, *, out: Path, networks: str, **options: Any) -> None:
    """Compare and print the path of the report; :class:`UserError` at the end if runs failed."""
    _run({"images": images, "labels": labels, "networks": _chosen(networks), **options}, out)


def run_again(*, out: Path, networks: str | None, metric: str | None) -> None:
    """Go on with what ``out`` holds, whoever began it; see :func:`run_compare`."""
    from napari_unet.comparison.request import read_request

    request = read_request(out)
    if request is None:
        raise UserError(
            f"{out} holds no comparison that says what it is of: give IMAGES, LABELS and "
            f"--networks too."
        )
    options = request.arguments(out)
    del options["out"]
    if networks is not None:
        options["networks"] = _chosen(networks)
    _run(options | ({} if metric is None else {"metric": metric}), out)


def _chosen(networks: str) -> Any:
    return "all" if networks.strip() == "all" else networks.split(",")


def _write_request(options: dict[str, Any], out: Path, networks: tuple[str, ...]) -> None:
    """What was asked for, so that a window or ``--out`` alone can go on with it."""
    from napari_unet.comparison.request import Request
    from napari_unet.core.seconds import parse_seconds

    def placed(path: str) -> str:
        found, folder = Path(path).expanduser().absolute(), out.absolute()
        return str(found.relative_to(folder) if found.is_relative_to(folder) else found)

    changed: dict[str, Any] = {"networks": networks}
    for name in ("images", "labels", "regions"):
        if options.get(name) is not None:
            changed[name] = placed(options[name])
    if options.get("transfer") is not None:
        changed["transfer"] = tuple(placed(path) for path in options["transfer"])
    if options.get("budget") is not None:
        changed["budget"] = parse_seconds(options["budget"])
    Request(**(options | changed)).write(out)


def _run(options: dict[str, Any], out: Path) -> None:
    from napari_unet.comparison.events import Planned, Ran, Reported, Training
    from napari_unet.comparison.running import compare

    line = ProgressLine()
    begun = False
    try:
        for event in compare(out=out, **options):
            match event:
                case Planned():
                    begun = True
                    _write_request(options, out, event.networks)
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
            note(
                f"What is finished is kept in {out}: to go on, type "
                f"napari-unet compare --out {shlex.quote(str(out))}"
            )
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
