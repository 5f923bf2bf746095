"""A batch that was drawn ahead is the batch that would have been drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_training import labelled, make_trainer

from napari_unet.training.ahead import Ahead
from napari_unet.training.events import Progress
from napari_unet.training.sampler import Batch
from napari_unet.training.trainer import Trainer


def trainers() -> tuple[Trainer, Trainer]:
    """One that draws between steps and one that draws ahead, as on a GPU."""
    between, ahead = make_trainer(labelled(2)), make_trainer(labelled(2))
    ahead._ahead = Ahead(torch.device("cpu"))
    return between, ahead


def losses(trainer: Trainer, between: Any = None, steps: int = 6) -> list[float]:
    for event in trainer.run(steps=steps):
        if between is not None and isinstance(event, Progress) and event.step == 3:
            between(trainer)
            between = None
    return trainer.losses


def test_losses_are_those_of_drawing_between_steps() -> None:
    one, two = trainers()
    taken: list[bool] = []
    real = two._ahead.take  # type: ignore[union-attr]
    two._ahead.take = lambda key: taken.append(True) or real(key)  # type: ignore
    assert losses(one) == losses(two)
    assert len(taken) == 6


def erased(trainer: Trainer) -> None:
    """A part of the labels of the first image is erased."""
    name = next(iter(trainer.data.planes))[0]
    labels = trainer.data._images[name].labels.data
    labels[:20] = 0
    trainer.update_labels(name, ())


def forgotten(trainer: Trainer) -> None:
    trainer.forget(next(iter(trainer.data.planes))[0])


@pytest.mark.parametrize("change", [erased, forgotten, lambda t: t.pieces.shrink()])
def test_the_next_step_learns_from_what_was_changed_meanwhile(change: Any) -> None:
    one, two = trainers()
    assert losses(one, change) == losses(two, change)
    plain, _ = trainers()
    assert losses(plain) != one.losses


def test_a_draw_that_fails_is_left_to_the_step() -> None:
    ahead = Ahead(torch.device("cpu"))

    def faulty() -> Batch:
        raise MemoryError

    ahead.draw(1, faulty)
    assert ahead.take(1) is None


def test_a_batch_is_taken_once_and_for_its_key_only() -> None:
    ahead, batch = Ahead(torch.device("cpu")), make_trainer()._draw()
    ahead.draw((0, 1), lambda: batch)
    assert ahead.take((0, 2)) is None
    assert ahead.take((0, 1)) is None
    ahead.draw((0, 1), lambda: batch)
    assert ahead.take((0, 1)) is batch
    assert ahead.take((0, 1)) is None


@pytest.mark.gpu
def test_on_a_gpu_the_batch_is_the_same() -> None:
    trainer = make_trainer(labelled(2), device="cuda")
    assert trainer._ahead is not None
    expected = trainer._draw()
    trainer._ahead.draw(trainer._drawn_for(), trainer._draw)
    batch = trainer._ahead.take(trainer._drawn_for())
    assert batch is not None
    for name in ("images", "classes", "weights"):
        np.testing.assert_array_equal(
            getattr(batch, name).cpu().numpy(), getattr(expected, name).cpu().numpy()
        )
