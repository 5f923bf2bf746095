"""Going on from a saved state, and from weights of another head."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from small_training import labelled, make_trainer, recipe

from napari_unet.errors import UserError
from napari_unet.evaluation.intervals import ScoreInterval
from napari_unet.training.events import Finished, Validation
from napari_unet.training.state import (
    copy_overlap,
    hold_out_from,
    hold_out_values,
    validation_values,
    validations_from,
)
from napari_unet.training.trainer import Trainer
from napari_unet.training.validation import HeldOut


def after(steps: int, **arguments: Any) -> Trainer:
    trainer = make_trainer(**arguments)
    for event in trainer.run(steps=steps):
        assert event is not None
    return trainer


def test_hold_outs_and_validations_survive_json() -> None:
    plan = {
        ("a", (1, 2)): HeldOut(((0, 16), (3, 19))),
        ("b", ()): None,
        ("c", (0,)): HeldOut(((0, 4), (0, 4)), scored=False),
    }
    assert hold_out_from(json.loads(json.dumps(hold_out_values(plan)))) == plan
    scores = [Validation(3, 1.5, (0.25, None), 77)]
    assert validations_from(json.loads(json.dumps(validation_values(scores)))) == scores
    sure = ScoreInterval(0.2, 0.4, "piece", 12, 3)
    scores = [Validation(3, 1.5, (0.25, None), 77, sure, labelled=900, objects=4)]
    assert validations_from(json.loads(json.dumps(validation_values(scores)))) == scores
    assert validations_from([[3, 1.5, [0.25, None], 77]]) == [Validation(3, 1.5, (0.25, None), 77)]


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_everything_comes_back(optimiser: str) -> None:
    chosen = recipe(optimiser=optimiser)
    one = after(4, preset=chosen)
    two = make_trainer(preset=chosen, seed=9)
    two.load_state(one.state())
    assert (two.step, two.seed, two.losses) == (4, one.seed, one.losses)
    assert two.validations == one.validations
    old, new = one.state()["tensors"], two.state()["tensors"]
    assert old.keys() == new.keys()
    assert any(name.startswith("optimiser.") for name in old)
    for name, tensor in old.items():
        assert torch.equal(tensor, new[name]), name


def test_what_was_held_out_stays_held_out_with_another_seed() -> None:
    images = labelled(size=96)
    one = after(1, images=images, seed=0)
    [held] = [p.held_out for p in one.data.planes.values()]
    others = [make_trainer(images, seed=seed) for seed in range(1, 9)]
    two = next(t for t in others if [p.held_out for p in t.data.planes.values()] != [held])
    two.load_state(one.state())
    assert [p.held_out for p in two.data.planes.values()] == [held]


def test_a_state_of_another_network_is_refused() -> None:
    state = after(1, preset=recipe(arguments={"depth": 1})).state()
    with pytest.raises(UserError, match="another network"):
        make_trainer().load_state(state)


def test_a_state_with_more_classes_brings_its_head() -> None:
    state = after(2, classes=4).state()
    trainer = make_trainer(classes=2)
    trainer.load_state(state)
    assert trainer.classes == 4
    events = list(trainer.run(steps=3))
    assert isinstance(events[-1], Finished)


def test_a_grown_head_keeps_what_was_learnt() -> None:
    trainer = after(3)
    before = trainer.state()["tensors"]
    trainer.learner.add_classes(5)
    later = trainer.state()["tensors"]
    lost = before.keys() - later.keys()  # moments of the head start anew
    assert lost
    assert all(name.startswith("optimiser.") for name in lost)
    grown = []
    for name in before.keys() - lost:
        old, new = before[name], later[name]
        if old.shape != new.shape:
            grown.append(name)
            assert (len(old), len(new)) == (2, 5)
        assert torch.equal(old, new[: len(old)] if old.dim() else new), name
    assert sorted(grown) == sorted(
        f"{part}.head.{name}" for part in ("network", "averaged") for name in ("weight", "bias")
    )


def test_names_of_what_does_not_fit_are_told() -> None:
    network = torch.nn.Linear(3, 2)
    left = copy_overlap({"weight": torch.ones(4, 3)}, network)
    assert left == ["bias"]
    assert torch.equal(network.weight, torch.ones(2, 3))
