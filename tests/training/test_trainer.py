"""The loop: what it learns, how it stops, what it survives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_training import SMALL, StepClock, data_of, labelled, make_trainer, recipe

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import (
    Checkpoint,
    Failed,
    Finished,
    Notice,
    Preview,
    Progress,
    Started,
)
from napari_unet.training.trainer import Trainer


def events_of(trainer: Trainer, **limits: Any) -> list[Any]:
    return list(trainer.run(**limits))


def weights_of(trainer: Trainer) -> list[torch.Tensor]:
    return [p.detach().clone() for p in trainer.averaged().state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_learns() -> None:
    trainer = make_trainer(labelled(2, size=128))
    events = events_of(trainer, steps=40)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "steps"
    # An event with a score comes after the one of its step, when there is time for it.
    steps = [e.step for e in events if isinstance(e, Progress) and e.validation is None]
    assert steps == list(range(1, 41))
    assert np.mean(trainer.losses[-5:]) < 0.7 * np.mean(trainer.losses[:3])
    assert events[-1].validation.iou[0] > 0.5


def test_a_budget_ends_it_and_the_rate_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    StepClock(monkeypatch, trainer)
    events = events_of(trainer, budget=1.5)
    rates = [e.learning_rate for e in events if isinstance(e, Progress)]
    assert events[-1].reason == "budget"
    assert 5 < events[-1].step < 15  # some of the time is kept for the end
    assert events[-1].seconds <= 1.5
    assert rates[-1] < rates[0]


def test_stop_keeps_the_model() -> None:
    trainer = make_trainer()
    for event in trainer.run():
        if isinstance(event, Progress) and event.step == 3:
            trainer.stop()
    assert isinstance(event, Finished)
    assert (event.reason, event.step) == ("stopped", 3)
    assert trainer.predictor().probability(np.zeros((1, 40, 40), np.float32)).shape == (2, 40, 40)


def test_the_same_seed_gives_the_same_weights_and_previews_change_nothing() -> None:
    plain = make_trainer(seed=4)
    events_of(plain, steps=5)
    looked = make_trainer(seed=4)
    previews = []
    for event in looked.run(steps=5):
        if isinstance(event, Progress):
            looked.request_preview("image0", (), ((3, 30), (10, 50)))
        if isinstance(event, Preview):
            previews.append(event)
    assert len(previews) == 5
    assert previews[0].probability.shape == (2, 27, 40)
    np.testing.assert_allclose(previews[0].probability.sum(0), 1, rtol=1e-5)
    assert same(weights_of(plain), weights_of(looked))
    other = make_trainer(seed=5)
    events_of(other, steps=5)
    assert not same(weights_of(plain), weights_of(other))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_interrupted_training_goes_on_bit_by_bit(dropout: float) -> None:
    chosen = recipe(arguments={"dropout": dropout})
    whole = make_trainer(preset=chosen)
    events_of(whole, steps=8)
    first = make_trainer(preset=chosen)
    run = first.run(steps=8)
    for event in run:
        if isinstance(event, Progress) and event.step == 4:
            break
    state = first.state()
    second = make_trainer(preset=chosen)
    second.load_state(state)
    events_of(second, steps=8)
    assert second.step == 8
    assert second.losses == whole.losses
    assert same(weights_of(whole), weights_of(second))


def test_the_state_is_tensors_and_json() -> None:
    import json

    trainer = make_trainer()
    events_of(trainer, steps=2)
    state = trainer.state()
    json.dumps(state["values"])
    assert all(isinstance(t, torch.Tensor) for t in state["tensors"].values())


def test_new_strokes_and_a_new_class_enter_the_next_step() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    trainer = make_trainer([one], validation="none")
    run = trainer.run(steps=6)
    for event in run:
        if isinstance(event, Progress) and event.step == 2:
            break
    old = trainer.learner.network.head.weight.detach().clone()  # type: ignore[union-attr,operator]
    one.labels.data[40:60, 40:60] = 3
    trainer.update_labels("image0", ())
    assert trainer.classes == 3
    torch.testing.assert_close(trainer.learner.network.head.weight[:2], old)  # type: ignore[index,union-attr]
    rest = list(run)
    assert isinstance(rest[-1], Finished)
    assert trainer.predictor().probability(np.zeros((1, 32, 32), np.float32)).shape[0] == 3


def test_a_loss_that_is_not_finite_rolls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    learn, calls = trainer.learner.learn, []

    def once(batch: Any) -> float:
        calls.append(1)
        return float("nan") if len(calls) == 4 else learn(batch)

    monkeypatch.setattr(trainer.learner, "learn", once)
    events = events_of(trainer, steps=6)
    [notice] = [e for e in events if isinstance(e, Notice)]
    assert "halved the learning rate" in notice.message
    assert trainer.rate_factor == 0.5
    assert isinstance(events[-1], Finished)
    assert all(p.isfinite().all() for p in trainer.averaged().parameters())


def test_weights_that_are_not_finite_roll_back() -> None:
    trainer = make_trainer()
    run = trainer.run(steps=30)
    for event in run:
        if isinstance(event, Progress) and event.step == 25:
            break
    with torch.no_grad():
        next(trainer.learner.network.parameters())[0] = float("nan")
    rest = list(run)
    assert any(isinstance(e, Notice) for e in rest)
    assert isinstance(rest[-1], Finished)
    assert trainer.learner.finite()


def test_a_loss_that_stays_infinite_fails_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    monkeypatch.setattr(trainer.learner, "learn", lambda batch: float("inf"))
    events = events_of(trainer, steps=6)
    assert isinstance(events[-1], Failed)
    assert "learning rate" in events[-1].message


def test_out_of_memory_halves_the_batch_then_the_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(labelled(size=128), preset=recipe(tile=64))
    learn, calls = trainer.learner.learn, []

    def hungry(batch: Any) -> float:
        calls.append(batch.images.shape)
        if len(batch.images) > 1 or batch.images.shape[-1] > 32:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return learn(batch)

    monkeypatch.setattr(trainer.learner, "learn", hungry)
    events = events_of(trainer, steps=2)
    notices = [e.message for e in events if isinstance(e, Notice)]
    assert len(notices) == 2
    assert (trainer.batch, trainer.tile) == (1, (32, 32))
    assert isinstance(events[-1], Finished)


def test_any_other_fault_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()

    def broken(batch: Any) -> float:
        raise RuntimeError("mat1 and mat2 cannot be multiplied")

    monkeypatch.setattr(trainer.learner, "learn", broken)
    failed = events_of(trainer, steps=2)[-1]
    assert isinstance(failed, Failed)
    assert "Traceback" in failed.details
    assert "\n" not in failed.message


def test_a_single_pixel_at_the_deepest_level_is_one_sentence() -> None:
    one = {"tile": 16, "arguments": {"depth": 4}}
    failed = events_of(make_trainer(preset=recipe(**one, batch=1)), steps=1)[-1]
    assert isinstance(failed, Failed)
    assert failed.message.startswith("A step sees too few pixels")
    assert failed.details == ""
    assert isinstance(events_of(make_trainer(preset=recipe(**one)), steps=1)[-1], Finished)


def test_no_memory_for_the_smallest_step_fails_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make_trainer(preset=recipe(batch=4, tile=64))

    def hungry(batch: Any) -> float:
        raise MemoryError

    monkeypatch.setattr(trainer.learner, "learn", hungry)
    *_, failed = events_of(trainer, steps=2)
    assert isinstance(failed, Failed)
    assert "smaller network" in failed.message
    assert (trainer.batch, trainer.tile) == (1, (32, 32))


def test_weights_that_were_never_finite_fail_with_a_sentence() -> None:
    trainer = make_trainer()
    with torch.no_grad():
        next(trainer.learner.network.parameters())[0] = float("nan")
    events = events_of(trainer, steps=6)
    assert len([e for e in events if isinstance(e, Notice)]) == 5
    assert isinstance(events[-1], Failed)
    assert "infinite" in events[-1].message
    assert trainer.step == 0


def test_removing_all_images_while_training_fails_with_a_sentence() -> None:
    trainer = make_trainer()
    run = trainer.run(steps=6)
    for event in run:
        if isinstance(event, Progress):
            break
    trainer.request_preview("image0", (), ((0, 8), (0, 8)))
    trainer.data.remove("image0")
    [failed] = list(run)
    assert isinstance(failed, Failed)
    assert failed.message == (
        "Nothing is left to train on: label more, or train without validation."
    )


def test_labels_that_cannot_be_used_leave_the_old_ones() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    trainer = make_trainer([one], validation="none")
    before = trainer.data.planes["image0", ()].truth.copy()
    object.__setattr__(one.labels, "data", np.ones((3, 3), np.uint8))
    with pytest.raises(UserError, match="image0"):
        trainer.update_labels("image0", ())
    np.testing.assert_array_equal(trainer.data.planes["image0", ()].truth, before)
    assert isinstance(events_of(trainer, steps=2)[-1], Finished)


def test_checkpoints_come_in_time_and_hold_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer()
    trainer.checkpoint_cost = 1.0  # so every 20 s
    checkpoints = []
    for event in trainer.run(steps=9):
        if isinstance(event, Progress) and event.validation is None:
            trainer.seconds += 7.0  # as if a step took that long
        if isinstance(event, Checkpoint):
            checkpoints.append(event)
            assert event.state["values"]["step"] == event.step
    assert [c.step for c in checkpoints] == [3, 6, 9]


def test_validation_comes_in_time() -> None:
    trainer = make_trainer(labelled(size=96))
    scores = []
    for event in trainer.run(steps=8):
        if isinstance(event, Progress):
            if event.validation is None:
                trainer.seconds += 4.0
            else:
                scores.append(event.validation)
    assert [s.step for s in scores] == [3, 6]
    assert event.validation is not None
    assert event.validation.step == 8
    assert trainer.validations == [*scores, event.validation]


def test_where_nothing_can_be_held_out_it_is_said() -> None:
    [one] = labelled(kind="scribbles", complete=False)
    one.labels.data[12:] = 0
    started, *_, finished = events_of(make_trainer([one]), steps=1)
    assert "too few labels" in started.notes[-1]
    assert finished.validation is None


def test_boundary_weights_change_what_is_learnt_from_objects() -> None:
    trainers = []
    for w0 in (0.0, 10.0):
        data = data_of(labelled(kind="objects"), w0)
        trainer = Trainer(
            data, preset=recipe(w0=w0), classes=2, channels=1, device="cpu", precision="float32"
        )
        events_of(trainer, steps=1)
        trainers.append(trainer)
    assert trainers[0].losses != trainers[1].losses


def test_valid_convolutions_and_plain_sgd_train() -> None:
    paper = recipe(
        optimiser="sgd",
        momentum=0.99,
        averaging=0.0,
        arguments={"padding": "valid", "norm": "none", "dropout": 0.5},
    )
    trainer = make_trainer(labelled(size=96), preset=paper)
    events = events_of(trainer, steps=3)
    assert isinstance(events[-1], Finished)
    assert trainer.geometry.border[0] > 0


def test_objects_and_three_dimensions() -> None:
    assert isinstance(events_of(make_trainer(labelled(kind="objects")), steps=2)[-1], Finished)
    volume = np.random.default_rng(0).integers(0, 255, (12, 24, 24)).astype(np.uint8)
    labels = (volume > 128).astype(np.uint8)
    one = LabelledImage(Image("v", volume, "zyx", 3), Image("v", labels, "zyx", 3), "classes", True)
    small = recipe(tile=16, arguments=SMALL | {"depth": 1})
    trainer = make_trainer([one], preset=small, dims=3)
    assert isinstance(events_of(trainer, steps=2)[-1], Finished)
