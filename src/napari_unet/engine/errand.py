"""``python -m napari_unet.engine.errand --parent PID``: does the one task that stdin names."""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import psutil

from napari_unet.engine.__main__ import be_modest
from napari_unet.engine.channel import INTERVAL, claim_stdio, watch_parent
from napari_unet.engine.errand_protocol import TASK, Advise, Compare, Refused, encode_event
from napari_unet.engine.sentences import sentence

Tell = Callable[[Any], None]


def compare(task: Compare, tell: Tell) -> None:
    """Tell how the comparison goes; of its steps some ten a second."""
    from napari_unet.comparison.events import Training
    from napari_unet.comparison.request import read_request
    from napari_unet.comparison.running import compare
    from napari_unet.errors import UserError

    folder = Path(task.folder)
    request = read_request(folder)
    if request is None:
        raise UserError(f"{folder} holds no comparison that says what it is of.")
    last = 0.0
    for event in compare(**request.arguments(folder)):
        now = time.monotonic()
        if isinstance(event, Training) and event.step > 1 and now - last < INTERVAL:
            continue
        last = now
        tell(event)


def advise(task: Advise, tell: Tell) -> None:
    """Tell what is tried, then the advice."""
    from napari_unet.advice.advised import Trying
    from napari_unet.advice.advising import advise
    from napari_unet.advice.limits import Limits

    tell(
        advise(
            task.images,
            task.labels,
            regions=task.regions,
            kind=task.kind,
            limits=Limits(task.memory, task.seconds_per_image),
            comparison=task.comparison,
            device=task.device,
            on_trial=lambda number, total, one: tell(Trying(number, total, one)),
        )
    )


def _lines(pipe: BinaryIO) -> Iterator[bytes]:
    """Lines as they come; at the end of the pipe the window is gone, or has had enough."""
    yield from pipe
    _leave()


def _leave() -> NoReturn:
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m napari_unet.engine.errand")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end with this process")
    arguments = parser.parse_args()
    tasks, events = claim_stdio()
    lines = _lines(tasks)
    task = TASK.validate_json(next(lines))
    threading.Thread(target=lambda: list(lines), name="life line", daemon=True).start()
    watch_parent(arguments.parent, at_end=_leave)
    be_modest()

    def tell(event: Any) -> None:
        try:
            events.write(encode_event(event))
            events.flush()
        except OSError:
            _leave()

    try:
        if isinstance(task, Compare):
            compare(task, tell)
        else:
            advise(task, tell)
    except Exception as error:
        tell(Refused(sentence(error)))


if __name__ == "__main__":
    main()
