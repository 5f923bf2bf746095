"""One network, one fold: train on the other folds, test on this one, measure what it costs."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from napari_unet.comparison.cost import measure
from napari_unet.comparison.records import RunResult, Scored, Settings
from napari_unet.comparison.scoring import score
from napari_unet.core.training import finish, make_trainer
from napari_unet.errors import UserError
from napari_unet.model.model import Model
from napari_unet.model.provenance import now, packages
from napari_unet.prediction.device import choose_device, device_name, free_memory
from napari_unet.training.data import LabelledImage, are_masks
from napari_unet.training.events import Failed, Notice, Progress
from napari_unet.training.trainer import Trainer


class _FailedError(Exception):
    """The training ended with a sentence for the user."""


@dataclass(frozen=True)
class Task:
    """What to train, and on which images to learn and to be tested."""

    network: str
    arguments: dict[str, Any]
    fold: int
    learn: Sequence[LabelledImage]
    test: Sequence[LabelledImage]
    transfer: Sequence[LabelledImage]
    masks: bool = True
    """Whether the labels of the images, ``transfer`` apart, may be masks: see `are_masks`."""

    def start(self, settings: Settings) -> str:
        """The first weights: the general ones exist for the plain U-Net only."""
        return settings.start if self.network == "unet" else "random"


def run(task: Task, settings: Settings) -> Iterator[Progress | RunResult]:
    """The steps of the training, then the result; a fault is a result too, with ``failed`` set."""
    base: dict[str, Any] = {
        "network": task.network,
        "fold": task.fold,
        "arguments": task.arguments,
        "start": task.start(settings),
    }
    try:
        yield from _run(task, settings, base)
    except (UserError, _FailedError) as error:
        yield _failure(base, str(error))
    except Exception as error:  # a network of another package must not take the others with it
        reason = " ".join(str(error).split())[:300]
        yield _failure(base, f"{type(error).__name__}: {reason}")
    finally:
        gc.collect()
        free_memory(choose_device(settings.device))


def warm_up(task: Task, settings: Settings) -> None:
    """One step that is thrown away: what torch does only once is on no network's account.

    What fails here fails in the run too, whose result says why; others may still be trained.
    """
    with suppress(Exception):
        for _ in _trained(task, settings, steps=1, budget=None, keep=lambda trainer: None):
            pass


def _run(task: Task, settings: Settings, base: dict[str, Any]) -> Iterator[Progress | RunResult]:
    trainers: list[Trainer] = []
    notes: list[str] = []
    for event in _trained(
        task, settings, steps=settings.steps, budget=settings.budget, keep=trainers.append
    ):
        if isinstance(event, Progress):
            yield event
        else:
            notes.append(event.message)
    (trainer,) = trainers
    model = finish(
        trainer,
        kind=settings.kind,
        images=[one.image for one in task.learn],
        seed=settings.seed,
    )
    device = choose_device(settings.device)
    others = are_masks(task.transfer)
    cost = measure(
        # The network alone: its size is not enough for a second look.
        model.one_look().predictor(settings.device, settings.precision),
        task.network,
        task.arguments,
        channels=settings.channels,
        classes=settings.classes,
    )
    yield RunResult(
        **base,
        parameters=cost.parameters,
        macs=cost.macs,
        input_size=cost.input_size,
        frames_per_second=cost.frames_per_second,
        steps=trainer.step,
        seconds=trainer.seconds,
        batch=trainer.batch,
        tile=trainer.tile,
        test=tuple(_scored(model, one, settings, task.masks) for one in task.test),
        transfer=tuple(_scored(model, one, settings, others) for one in task.transfer),
        notes=tuple(dict.fromkeys(notes)),
        device_name=device_name(device),
        threads=torch.get_num_threads(),
        created=now(),
        packages=packages(),
    )


def _trained(
    task: Task,
    settings: Settings,
    *,
    steps: int | None,
    budget: float | None,
    keep: Callable[[Trainer], object],
) -> Iterator[Progress | Notice]:
    trainer = make_trainer(
        task.learn,
        network=task.network,
        arguments=task.arguments,
        preset_name=str(settings.recipe["name"]),
        settings={
            "second_look": settings.recipe.get("second_look", 0.0),
            "enlarge": settings.recipe.get("enlarge", 1.0),
        },
        classes=settings.classes,
        start=task.start(settings),
        seed=settings.seed,
        validation="none",
        device=settings.device,
        precision=settings.precision,
    )
    # Weight maps and the like take every network the same time: the budget is for learning.
    trainer.seconds = 0.0
    keep(trainer)
    for event in trainer.run(steps=steps, budget=budget):
        if isinstance(event, Failed):
            raise _FailedError(event.message)
        if isinstance(event, Progress | Notice):
            yield event


def _scored(model: Model, one: LabelledImage, settings: Settings, mask: bool) -> Scored:
    clock = time.perf_counter()
    prediction = model.predict(
        one.image,
        output="objects" if settings.kind == "objects" else "classes",
        device=settings.device,
        precision=settings.precision,
    )
    seconds = time.perf_counter() - clock
    return Scored(
        name=one.image.name,
        values=score(prediction, one, settings.classes, mask),
        seconds=seconds,
    )


def _failure(base: dict[str, Any], sentence: str) -> RunResult:
    return RunResult(**base, failed=sentence, created=now(), packages=packages())
