"""Going back: to what, how often, and with classes that came later."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_training import labelled, make_trainer, recipe

from napari_unet.training import trainer as trainer_module
from napari_unet.training.events import Checkpoint, Finished, Notice, Progress
from napari_unet.training.recovery import EVERY, MOST, Recovery
from napari_unet.training.trainer import Trainer


def spoil(trainer: Trainer) -> None:
    with torch.no_grad():
        for parameter in trainer.learner.network.parameters():
            parameter.fill_(float("nan"))


def until(run: Any, step: int) -> None:
    for event in run:
        if isinstance(event, Progress) and event.step == step:
            return


def test_weights_averages_and_moments_are_those_of_the_last_good_step() -> None:
    trainer = make_trainer()
    until(trainer.run(), EVERY)
    recovery = Recovery(trainer.learner)
    good = trainer.learner.tensors()
    until(trainer.run(steps=EVERY + 3), EVERY + 3)
    spoil(trainer)
    assert not recovery.sound(float("nan"))
    recovery.go_back()
    assert trainer.step == EVERY
    back = trainer.learner.tensors()
    assert back.keys() == good.keys()
    for name, value in good.items():
        if "running" not in name and "num_batches" not in name:  # estimated anew when needed
            assert torch.equal(back[name], value), name


def test_it_is_hopeless_after_some_times_in_a_row_only() -> None:
    trainer = make_trainer()
    recovery = Recovery(trainer.learner)
    for _ in range(MOST):
        recovery.go_back()
    assert not recovery.hopeless
    assert recovery.sound(1.0)  # step 0 is looked at, and good
    for _ in range(MOST):
        recovery.go_back()
    assert not recovery.hopeless
    recovery.go_back()
    assert recovery.hopeless


def test_going_back_past_a_new_class_does_not_keep_its_spoilt_weights() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    trainer = make_trainer([one], validation="none")
    run = trainer.run(steps=EVERY + 6)
    until(run, EVERY + 1)
    one.labels.data[40:60, 40:60] = 3
    trainer.update_labels("image0", ())
    until(run, EVERY + 2)
    spoil(trainer)
    rest = list(run)
    assert len([e for e in rest if isinstance(e, Notice)]) == 1
    assert isinstance(rest[-1], Finished)
    assert trainer.classes == 3
    assert trainer.learner.finite()


def test_a_model_spoilt_by_the_very_last_step_is_not_handed_over() -> None:
    trainer = make_trainer()
    run = trainer.run(steps=4)
    until(run, 4)
    spoil(trainer)
    rest = list(run)
    assert any(isinstance(e, Notice) for e in rest)
    assert isinstance(rest[-1], Finished)
    assert all(bool(p.isfinite().all()) for p in trainer.averaged().parameters())


def test_spoilt_weights_are_never_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    trainer.checkpoint_cost = 0.0
    run = trainer.run(steps=5)
    until(run, 2)
    trainer.seconds += 20  # it would be time for one
    spoil(trainer)
    events = []
    monkeypatch.setattr(trainer.learner, "learn", lambda batch: 1.0)  # goes unnoticed
    for event in run:
        events.append(event)
        trainer.learner.step += isinstance(event, Progress)
    assert not any(isinstance(e, Checkpoint) for e in events)


def test_memory_is_freed_when_nothing_of_the_attempt_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import weakref

    trainer = make_trainer(preset=recipe(batch=2))
    learn, attempts, alive = trainer.learner.learn, [], []

    def hungry(batch: Any) -> float:
        if len(batch.images) > 1:
            attempts.append(weakref.ref(batch.images))
            raise MemoryError
        return learn(batch)

    monkeypatch.setattr(trainer.learner, "learn", hungry)
    monkeypatch.setattr(
        trainer_module, "free_memory", lambda device: alive.append(attempts[-1]() is not None)
    )
    assert isinstance(list(trainer.run(steps=1))[-1], Finished)
    assert alive == [False]
