"""A training that may be killed: models kept at marked times, and a state to go on from.

In a folder: ``run.json`` says what is trained, ``training.unet`` is where it was last,
``at-<mark>.unet`` the averaged model of a mark, ``at-<mark>.json`` when that was. A mark is a
number of seconds of training, or of steps in a run with a number of steps. Seconds stand still
while a model is written or scored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unet.core import TrainingError, prepare
from napari_unet.errors import UserError
from napari_unet.project.files import read_json, remove_leftovers, write_json
from napari_unet.training.events import Checkpoint, Failed, Finished, Notice, Progress

STATE = "training.unet"


@dataclass(frozen=True)
class Moment:
    """A model of the training: after how many seconds and steps."""

    mark: int
    seconds: float
    step: int
    model: Path


def marks_within(marks: Sequence[float], whole: float) -> list[int]:
    """The marks before the end, and the end; whole numbers from 1."""
    return sorted({max(1, round(m)) for m in marks if m < whole} | {max(1, round(whole))})


def train_with_marks(
    folder: Path,
    images: Sequence[Any],
    labels: Sequence[Any],
    *,
    marks: Sequence[int],
    steps: int | None,
    budget: float | None,
    tell: Callable[[str], object] = print,
    **recipe: Any,
) -> list[Moment]:
    """Train, or go on, until all ``marks`` have their models; these are returned.

    The last mark is the end, ``steps`` or ``budget`` (seconds in all, those before a resume too).
    ``recipe`` goes to :func:`napari_unet.core.prepare`. Killed, it loses what came after the last
    checkpoint, which are at least 15 s apart and cost at most a twentieth of the time.

    Raises
    ------
    UserError
        The folder holds another training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    _claim(folder, {"steps": steps, "budget": budget, "recipe": _plain(recipe)})
    left = [m for m in marks if not (folder / f"at-{m}.json").exists()]
    if left:
        _train(folder, images, labels, left, steps, budget, tell, recipe)
    (folder / STATE).unlink(missing_ok=True)  # finished: tens of megabytes for nothing
    return [_moment(folder, mark) for mark in marks]


def _train(
    folder: Path,
    images: Sequence[Any],
    labels: Sequence[Any],
    left: list[int],
    steps: int | None,
    budget: float | None,
    tell: Callable[[str], object],
    recipe: dict[str, Any],
) -> None:
    state = folder / STATE
    if state.exists():
        given = {k: recipe[k] for k in ("device", "precision", "validation") if k in recipe}
        run = prepare(images, labels, steps=steps, budget=budget, resume_from=state, **given)
        tell(f"  goes on at step {run.trainer.step}, {run.trainer.seconds:.0f} s")
    else:
        run = prepare(images, labels, steps=steps, budget=budget, **recipe)
    trainer = run.trainer

    def keep(mark: int) -> None:
        run.model().save(folder / f"at-{mark}.unet")
        about = {"mark": mark, "seconds": trainer.seconds, "step": trainer.step}
        write_json(folder / f"at-{mark}.json", json.dumps(about))
        tell(f"  step {trainer.step}, {trainer.seconds:.0f} s")

    for event in trainer.run(steps=steps, budget=budget, in_all=True):
        if isinstance(event, Failed):
            raise TrainingError(event.message, event.details)
        if isinstance(event, Notice):
            tell(f"  {event.message}")
        elif isinstance(event, Checkpoint):
            clock = time.perf_counter()
            run.model().save(state, event.state)
            trainer.checkpoint_cost = time.perf_counter() - clock
        elif isinstance(event, Progress):
            at = event.step if steps is not None else event.seconds
            while len(left) > 1 and at >= left[0]:
                keep(left.pop(0))
        elif isinstance(event, Finished):
            for mark in left:
                keep(mark)


def _claim(folder: Path, about: dict[str, Any]) -> None:
    path = folder / "run.json"
    if path.exists() and read_json(path) != about:
        raise UserError(f"{path} says that another training is kept there: delete {folder}.")
    if not path.exists():
        write_json(path, json.dumps(about, indent=1))


def _moment(folder: Path, mark: int) -> Moment:
    about = read_json(folder / f"at-{mark}.json")
    return Moment(mark, about["seconds"], about["step"], folder / f"at-{mark}.unet")


def _plain(recipe: dict[str, Any]) -> Any:
    """As it comes back from JSON."""
    return json.loads(json.dumps(recipe, default=str))
