"""What validation costs, when it happens, and what it leaves to train on."""

from __future__ import annotations

import numpy as np
import pytest
from small_training import StepClock, data_of, labelled, make_trainer, recipe

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.images.image import Image
from napari_unet.training import validation
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Finished, Progress
from napari_unet.training.plane import HeldOut
from napari_unet.training.validation import apply_hold_out, plan_hold_out, work
from napari_unet.training.validator import OFTEN, SHARE, Validator


def stack(classes: np.ndarray) -> LabelledImage:
    image = (classes * 60).astype(np.uint8)
    return LabelledImage(Image("s", image, "zyx"), Image("s", classes, "zyx"), "classes", True)


@pytest.mark.parametrize("seed", range(12))
def test_no_class_is_held_out_whole(seed: int) -> None:
    images = labelled(8)
    images[3].labels.data[10:14, 10:14] = 2  # the only ones
    data = data_of(images)
    plan = plan_hold_out(data, seed)
    assert plan[("image3", ())] is None
    assert any(plan.values())
    apply_hold_out(data, plan)
    assert data.balance(3, 1.0)[2] > 0


def test_a_stack_gives_its_first_planes_where_the_last_hold_all_of_a_class() -> None:
    classes = np.zeros((10, 40, 40), np.uint8)
    classes[:, 10:20] = 1
    classes[9, 30:] = 2
    plan = plan_hold_out(data_of([stack(classes)]), 0)
    assert [i for (_, (i,)), held in plan.items() if held and held.scored] == [0]
    assert [i for (_, (i,)), held in plan.items() if held and not held.scored] == [1]
    classes[0, 30:] = 3
    assert not any(plan_hold_out(data_of([stack(classes)]), 0).values())


def test_large_planes_give_fewer_or_only_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.zeros((24, 96, 96), np.uint8)
    classes[:, 20:60] = 1

    def held() -> list[HeldOut]:
        plan = plan_hold_out(data_of([stack(classes)]), 0)
        return [held for held in plan.values() if held and held.scored]

    assert len(held()) == 3
    monkeypatch.setattr(validation, "MOST_SCORED", 96 * 96)
    assert [h.box for h in held()] == [((0, 96), (0, 96))]
    monkeypatch.setattr(validation, "MOST_SCORED", 96 * 96 - 1)
    assert all(b - a < 96 for h in held() for a, b in h.box)


def test_work_counts_the_labelled_part_and_its_halo() -> None:
    data = data_of(labelled(2, size=96))
    one, two = data.planes.values()
    one.hold_out(HeldOut(((10, 30), (0, 50))))
    two.hold_out(HeldOut(((0, 96), (0, 96)), scored=False))
    assert work(data, (8, 8)) == (20 + 16) * (50 + 16)
    labels = np.zeros((96, 96), np.uint8)
    labels[12:20, 40:] = 1
    image = Image("t", np.zeros((96, 96), np.uint8), "yx")
    few = data_of([LabelledImage(image, Image("t", labels, "yx"), "scribbles")])
    [plane] = few.planes.values()
    plane.hold_out(HeldOut(((10, 30), (0, 50))))
    assert work(few, (0, 0)) == 8 * 10
    plane.hold_out(HeldOut(((50, 60), (0, 50))))  # nothing labelled there
    assert work(few, (8, 8)) == 0


def test_scores_come_when_they_cost_little() -> None:
    data = data_of(labelled(2, size=96))
    validator = Validator(data, "auto")
    validator.begin(0)
    validator.start_clock(5.0)
    halo = (8, 8)
    assert not validator.due(5 + OFTEN - 0.1, 0.0)
    assert validator.due(5 + OFTEN, 0.0)
    pace = 1 / 0.3 / work(data, halo)  # a score would take a second
    assert validator.expected(pace, halo) == pytest.approx(1)
    assert not validator.due(5 + SHARE - 0.1, 1.0)
    assert validator.due(5 + SHARE, 1.0)


def test_given_hold_outs_survive_new_labels() -> None:
    [one, two] = labelled(2)
    trainer = make_trainer([one, two], validation="given")
    trainer.data.planes[("image1", ())].hold_out(HeldOut(((0, 64), (0, 64))))
    two.labels.data[:20] = 1
    trainer.update_labels("image1", ())
    plane = trainer.data.planes[("image1", ())]
    assert plane.held_out == HeldOut(((0, 64), (0, 64)))
    assert (plane.classes == UNLABELLED).all()


def test_an_image_that_comes_later_gives_a_block_too() -> None:
    [one, two] = labelled(2, size=96)
    trainer = make_trainer([one])
    trainer.data.add(two)
    trainer.update_labels("image1", ())
    assert trainer.data.planes[("image1", ())].held_out is not None


def slow_scores(monkeypatch: pytest.MonkeyPatch, clock: StepClock, seconds: float) -> list[float]:
    """Scores take long, as on large images; returns when they were made."""
    made = []

    def slow(*_: object) -> dict[tuple[str, tuple[int, ...]], list[np.ndarray]]:
        made.append(clock.now)
        clock.now += seconds
        return {("image0", ()): [np.full((2, 2), 25)]}

    monkeypatch.setattr("napari_unet.training.validator.held_out_tables", slow)
    monkeypatch.setattr(Validator, "expected", lambda *_: seconds)
    return made


def test_stop_does_not_wait_for_a_long_score(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(labelled(2, size=96))
    made = slow_scores(monkeypatch, StepClock(monkeypatch, trainer), 3)
    for event in trainer.run():
        if isinstance(event, Progress) and event.step == 2:
            trainer.stop()
    assert isinstance(event, Finished)
    assert event.validation is None
    assert made == []


def test_the_last_score_counts_in_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(labelled(2, size=96), preset=recipe(tile=32))
    clock = StepClock(monkeypatch, trainer, 0.05)
    made = slow_scores(monkeypatch, clock, 0.5)
    last = list(trainer.run(budget=2.0))[-1]
    assert isinstance(last, Finished)
    assert len(made) == 1
    assert 1.0 < made[0] <= 1.5
    assert clock.now <= 2.0
