"""Fewer, larger events: merging what the GUI would only overwrite. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unet.engine.protocol import Event, JobProgress, TrainingProgress


def coalesce(events: Sequence[Event]) -> list[Event]:
    """Merge progress into the latest of its kind; the order of everything else stays.

    Between two other events about training (started, paused, ...), all :class:`TrainingProgress`
    become one, with the losses of all and the latest validation. Of the :class:`JobProgress` of a
    job only the last remains.
    """
    kept: list[Event] = []
    runs: list[list[TrainingProgress]] = []
    place: int | None = None  # of the run's event in `kept`, which is back to front
    jobs: set[str] = set()
    for event in reversed(events):
        if isinstance(event, TrainingProgress) and place is not None:
            runs[-1].append(event)
            continue
        if isinstance(event, JobProgress):
            if event.job in jobs:
                continue
            jobs.add(event.job)
        elif isinstance(event, TrainingProgress):
            runs.append([event])
            place = len(kept)
        elif event.type.startswith("training_"):
            place = None
        kept.append(event)
    merged = iter(runs)
    return [
        _merge(next(merged)[::-1]) if isinstance(event, TrainingProgress) else event
        for event in kept
    ][::-1]


def _merge(run: list[TrainingProgress]) -> TrainingProgress:
    """One event for consecutive ones, given in the order of their steps."""
    if len(run) == 1:
        return run[0]
    scored = [event for event in run if event.validation_iou is not None]
    return run[-1].model_copy(
        update={
            "losses": tuple(loss for event in run for loss in event.losses),
            "validation_iou": scored[-1].validation_iou if scored else None,
            "validation_facts": scored[-1].validation_facts if scored else None,
        }
    )
