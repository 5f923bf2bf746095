"""Shares of the classes in the images, read from what a classifier says of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from small_training import data_of, labelled, make_trainer, recipe

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.training import shares
from napari_unet.training.plane import HeldOut
from napari_unet.training.shares import (
    TRUST,
    bearable,
    image_shares,
    not_held_out,
    piece_of,
    places_to_look,
)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.95), st.floats(0.2, 0.8), st.floats(3, 5), st.integers(0, 99))
def test_the_true_shares_are_found_whatever_was_learnt_from(
    true: float, learnt: float, apart: float, seed: int
) -> None:
    """Two normal distributions, and the classifier that is best for other shares of them."""
    generator = np.random.default_rng(seed)
    second = generator.random(20_000) < true
    x = generator.normal(apart * second)
    trained = np.array([1 - learnt, learnt])
    said = trained[:, None] * np.stack([norm.pdf(x), norm.pdf(x - apart)])
    found = image_shares(said / said.sum(0), trained)
    assert found.sum() == pytest.approx(1)
    expected = (second.mean() + TRUST * learnt) / (1 + TRUST)
    assert found[1] == pytest.approx(expected, abs=0.06)


def test_a_class_that_is_nowhere_is_not_lost_altogether() -> None:
    said = np.repeat([[1 - 1e-9], [1e-9]], 100, 1)
    found = image_shares(said, np.array([0.5, 0.5]))
    assert 0 < found[1] < 0.03


def test_what_was_painted_is_not_forgotten() -> None:
    """As much of the shift as leaves each class nine tenths of what was found of it."""
    classes = np.repeat([0, 1], 100)
    sure = np.where(classes == 1, 0.999, 0.001)
    unsure = np.where(classes == 1, np.linspace(0.5, 0.6, 200), 0.4)
    shift = np.array([0.7, -3.0])
    assert bearable(shift, np.stack([1 - sure, sure]), classes) == 1
    assert bearable(shift, np.stack([1 - unsure, unsure]), classes) == 0
    some = bearable(shift / 12, np.stack([1 - unsure, unsure]), classes)
    assert 0 < some < 1


def test_nothing_is_shifted_where_a_painted_class_was_not_looked_at() -> None:
    classes = np.zeros(100, np.intp)
    said = np.repeat([[0.9], [0.1]], 100, 1)
    assert bearable(np.array([0.5, -3.0]), said, classes) == 0


@pytest.mark.parametrize("planes", [1, 2, 3, 8, 11])
@pytest.mark.parametrize("everywhere", [True, False])
def test_every_class_is_looked_at_however_many_planes_there_are(
    planes: int, everywhere: bool
) -> None:
    images = labelled(planes, "scribbles")
    for one in images[1:] if not everywhere else []:
        labels = np.asarray(one.labels.data)
        labels[labels == 2] = 0  # the discs are painted in the first image only
    data = data_of(images)
    pieces = places_to_look(list(data.planes.values()), (16, 16))
    if everywhere:
        assert len({plane.key for plane, _ in pieces}) == min(planes, shares.LOOKED_AT)
    held = [set(plane.read_labels(box)[0].ravel().astype(int)) for plane, box in pieces]
    for value in (0, 1):
        assert sum(value in some for some in held) >= 2
    assert len({(plane.key, box) for plane, box in pieces}) == len(pieces)


def test_of_strokes_the_rare_class_is_said_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many strokes of the small discs as of all that lies around them."""
    monkeypatch.setattr(shares, "LOST", 1.0)  # four steps have taught little
    images = labelled(2, "scribbles")
    generator = np.random.default_rng(0)
    for one in images:
        labels = np.asarray(one.labels.data)
        for value, kept in ((1, 150), (2, 150)):
            rows, columns = np.nonzero(labels == value)
            dropped = generator.permutation(len(rows))[kept:]
            labels[rows[dropped], columns[dropped]] = 0
    said = {}
    for source in ("labels", "image"):
        trainer = make_trainer(
            images, preset=recipe(shares=source, second_look=0.0), validation="none"
        )
        list(trainer.run(steps=4))
        plane = next(iter(trainer.data.planes.values()))
        everything = tuple((0, n) for n in plane.shape)
        said[source] = trainer.predictor().region(plane.read_inside, plane.shape, everything)
    assert said["image"][1].mean() < said["labels"][1].mean()
    odds = [np.log(p[1] / p[0]) for p in (said["image"], said["labels"])]
    np.testing.assert_allclose(odds[0] - odds[1], (odds[0] - odds[1]).mean(), atol=1e-3)


def test_the_weights_that_go_on_learning_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "LOST", 1.0)
    images = labelled(1, "scribbles")
    trainer = make_trainer(images, preset=recipe().model_copy(update={"shares": "image"}))
    list(trainer.run(steps=4))
    once = trainer.averaged()
    assert once is trainer.averaged()  # and it is asked once a step
    kept = trainer.learner.averaged.network
    shift = once.get_parameter("head.bias") - kept.get_parameter("head.bias")
    assert bool((shift != 0).any())
    trainer.learner.averaged.forget()
    again = trainer.averaged()
    for a, b in pairwise([once, again]):
        for one, other in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            assert bool(torch.equal(one, other))


@pytest.mark.parametrize("kind", ["classes", "objects"])
def test_complete_labels_know_best(kind: str) -> None:
    trainer = make_trainer(
        labelled(1, kind), preset=recipe().model_copy(update={"shares": "image"})
    )
    list(trainer.run(steps=1))
    assert trainer.averaged() is trainer.learner.averaged.network


def test_what_is_held_out_is_not_looked_at() -> None:
    trainer = make_trainer(labelled(1, "scribbles"), validation="none")
    [plane] = trainer.data.planes.values()
    plane.hold_out(HeldOut(((10, 40), (20, 64))), 4)
    seen = np.zeros(plane.shape, bool)
    for number in range(40):
        box = piece_of(plane, (24, 24), number % 2, number)
        assert box == piece_of(plane, (24, 24), number % 2, number)
        inside = tuple(slice(a, b) for a, b in box)
        seen[inside] |= not_held_out(plane, box).reshape(seen[inside].shape)
    assert not seen[10:40, 20:64].any()
    assert seen[40:].any()
    assert (plane.classes[10:40, 20:64] == UNLABELLED).all()
