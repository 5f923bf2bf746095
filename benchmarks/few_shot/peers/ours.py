"""napari-unet. For each budget a training of its own, as with ``--budget``.

With the option ``live`` one training without an end, looked at on the way, as in the dock. The
clock is that of the training, which counts everything from the decoded images on. The engine is
warm, as it is in the dock before anybody can press Train.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from job import Job, label_of, open_job

from napari_unet.core import TrainingError, prepare
from napari_unet.engine.warm_up import warm_up
from napari_unet.model.model import Model
from napari_unet.processor import make_ready
from napari_unet.training.events import Failed, Finished, Progress


def main() -> None:
    make_ready()  # as the engine and the command line do
    job = open_job()
    job.versions("napari-unet-live", "torch", "numpy")
    torch.set_num_threads(job.threads)
    warm_up()
    options = dict(job.options)
    if options.pop("live", False):
        live(job, options)
        return
    for budget in job.budgets:
        run = prepared(job, options, budget=budget)
        for event in run.events():
            if isinstance(event, Failed):
                raise TrainingError(event.message, event.details)
        put(job, label_of(budget), run.model(), run.trainer.seconds, run.trainer.step)


def live(job: Job, options: dict[str, Any]) -> None:
    """One training that stops for a look at each budget; looking takes none of its time."""
    run = prepared(job, options, budget=None, steps=10**9)
    waiting = list(job.budgets)
    for event in run.events():
        if isinstance(event, Failed):
            raise TrainingError(event.message, event.details)
        if isinstance(event, Progress) and event.validation is None:
            reached = [b for b in waiting if b <= event.seconds]
            if reached:
                waiting = [b for b in waiting if b > event.seconds]
                clock = time.perf_counter()
                model = run.model()
                took = time.perf_counter() - clock
                put(
                    job,
                    [label_of(b) for b in reached],
                    model,
                    event.seconds,
                    event.step,
                    model_seconds=took,
                )
            if not waiting:
                run.trainer.stop()
        if isinstance(event, Finished):
            break


def prepared(job: Job, options: dict[str, Any], **limit: Any) -> Any:
    labels = job.objects if job.kind == "objects" else job.labels
    return prepare(list(job.images), list(labels), kind=job.kind, seed=job.seed, **limit, **options)


def put(
    job: Job, names: str | list[str], model: Model, seconds: float, steps: int, **more: float
) -> None:
    def predict(image: np.ndarray) -> np.ndarray:
        return model.predict(image)[1]

    def own(probability: np.ndarray) -> np.ndarray:
        return model.objects(np.stack([1 - probability, probability]))

    job.mark(
        names,
        predict,
        seconds=seconds,
        steps=steps,
        own=own if job.kind == "objects" else None,
        **more,
    )


if __name__ == "__main__":
    main()
