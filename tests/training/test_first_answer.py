"""The last layer fitted to the labels: the optimum is one, and nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from small_training import labelled, make_trainer, recipe
from torch import nn
from torch.nn.functional import cross_entropy
from without_float64 import WithoutFloat64

from napari_unet.images.image import Image
from napari_unet.networks import registry
from napari_unet.start.general import general_weights
from napari_unet.training import first_answer
from napari_unet.training.data import LabelledImage
from napari_unet.training.events import Fitted, Preview, Progress
from napari_unet.training.first_answer import (
    BATCHES,
    PENALTY,
    fit_last_layer,
    last_layer,
    logistic_regression,
    undeformed,
)
from napari_unet.training.presets import preset
from napari_unet.training.sampler import Batch
from napari_unet.training.schedule import seed_of_step


@pytest.mark.parametrize("number", [2, 3])
def test_it_is_the_optimum_that_another_solver_finds(number: int) -> None:
    generator = np.random.default_rng(number)
    features = generator.normal(size=(300, 4)) * [1, 5, 0.1, 2] + [0, 3, 0, -1]
    classes = generator.integers(number, size=300)
    features[:, 1] += 4 * classes
    weights = generator.uniform(0.1, 3, 300)
    start = generator.normal(size=(number, 4)), generator.normal(size=number)

    def value(weight: np.ndarray, bias: np.ndarray) -> float:
        logits = features @ weight.T + bias
        logits -= logits.max(1, keepdims=True)
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(300), classes]
        spread, middle = features.std(0), features.mean(0)
        moved = (((weight - start[0]) * spread) ** 2).sum()
        moved += 1e-2 * ((bias - start[1] + (weight - start[0]) @ middle) ** 2).sum()
        return float((losses * weights).sum() / weights.sum() + PENALTY * moved)

    def flat(x: np.ndarray) -> float:
        return value(x[: 4 * number].reshape(number, 4), x[4 * number :])

    best = minimize(flat, np.concatenate([start[0].ravel(), start[1]]), options={"gtol": 1e-8})
    weight, bias = logistic_regression(
        torch.from_numpy(features),
        torch.from_numpy(classes),
        torch.from_numpy(weights),
        start=(torch.from_numpy(start[0]), torch.from_numpy(start[1])),
        penalty=PENALTY,
    )
    assert value(weight.numpy(), bias.numpy()) == pytest.approx(best.fun, abs=1e-6)


def network_and_batch(classes: int) -> tuple[nn.Module, Batch]:
    torch.manual_seed(0)
    network = registry.build(
        "unet",
        dims=2,
        in_channels=1,
        out_channels=3,
        arguments={"width": 4, "depth": 2, "padding": "same", "norm": "batch"},
    )
    truth = torch.randint(classes, (2, 4, 4)).repeat_interleave(16, 1).repeat_interleave(16, 2)
    images = (truth + 0.1 * torch.randn(truth.shape)).unsqueeze(1)
    return network, Batch(images, truth, torch.ones(truth.shape) * (truth >= 0))


def fit(network: nn.Module, batch: Batch) -> bool:
    return fit_last_layer(
        network,
        [batch],
        precision="float32",
        layout=torch.channels_last,
        generator=torch.Generator().manual_seed(0),
    )


def test_only_the_last_layer_changes_and_it_answers() -> None:
    network, batch = network_and_batch(3)
    network.train()
    before = {k: v.clone() for k, v in network.named_parameters()}
    at_first = float(cross_entropy(network(batch.images), batch.classes).detach())
    assert fit(network, batch)
    changed = {k for k, v in network.named_parameters() if not torch.equal(v, before[k])}
    assert changed == {"head.weight", "head.bias"}
    assert float(cross_entropy(network(batch.images), batch.classes).detach()) < 0.8 * at_first


def test_apple_gpus_know_no_float64() -> None:
    network, batch = network_and_batch(2)
    weights = batch.weights.as_subclass(WithoutFloat64)  # type: ignore[no-untyped-call]
    assert fit(network, Batch(batch.images, batch.classes, weights))


def test_there_is_nothing_to_fit() -> None:
    network, batch = network_and_batch(1)
    before = network.head.weight.clone()  # type: ignore[union-attr,operator]
    assert not fit(network, batch)
    assert torch.equal(network.head.weight, before)  # type: ignore[arg-type]
    assert last_layer(nn.Sequential(nn.Conv2d(1, 2, 3))) is None
    network, batch = network_and_batch(2)
    batch.weights[:] = 0  # a deformation may carry all labels out of the pieces
    assert not fit(network, batch)
    network, batch = network_and_batch(2)
    batch.images[0, 0, 0, 0] = torch.nan
    assert not fit(network, batch)


def test_the_first_preview_comes_before_the_first_step() -> None:
    weights = general_weights("unet", registry.spec("unet").live, dims=2, channels=1)
    trainer = make_trainer(
        labelled(2, size=64),
        preset=preset("live", tile=32, batch=2),
        start=weights,
        new_head=True,
    )
    name = next(iter(trainer.data.planes))[0]
    trainer.request_preview(name, (), ((0, 32), (0, 32)))
    seen = [e for e in trainer.run(steps=1) if isinstance(e, Preview | Progress)]
    assert isinstance(seen[0], Preview)
    assert seen[0].step == 0


def test_it_looks_once_for_somebody_waits() -> None:
    trainer = make_trainer(
        labelled(1), preset=preset("live", second_look=0.3, tile=32, batch=2), validation="none"
    )
    bare = trainer.geometry
    assert trainer.predictor().geometry == bare
    list(trainer.run(steps=1))
    assert trainer.predictor().geometry == bare.at_two_sizes()


def test_what_predicts_is_what_was_fitted() -> None:
    """The start weights know bright things as class 1; here they are class 0."""
    one = labelled(1, size=96)[0]
    ids = np.asarray(one.labels.data)
    swapped = Image("image0", (ids == 0).astype(np.uint8), "yx")
    weights = general_weights("unet", registry.spec("unet").live, dims=2, channels=1)
    trainer = make_trainer(
        [LabelledImage(one.image, swapped, "classes", True)],
        preset=preset("live", tile=64, batch=2),
        start=weights,
        new_head=True,
        validation="none",
    )
    for event in trainer.run(steps=1):
        if isinstance(event, Fitted):
            break
    assert trainer.step == 0
    found = trainer.predictor().region(
        trainer.data.reader("image0", ()), (96, 96), ((0, 96), (0, 96))
    )
    assert ((found.argmax(0) == 0) == (ids > 0)).mean() > 0.9


def strokes_far_apart(classes: int) -> LabelledImage:
    """One stroke of each class in an image that is many pieces wide."""
    side = 64 * classes
    labels = np.zeros((64, side), np.uint8)
    for value in range(classes):
        labels[24:30, 64 * value + 30 : 64 * value + 36] = value + 1
    grey = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.uint8)
    return LabelledImage(Image("wide", grey, "yx"), Image("wide", labels, "yx"), "scribbles")


@pytest.mark.parametrize("seed", range(3))
def test_no_painted_class_is_left_out_of_the_fit(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven strokes, four pieces: others are drawn for what these do not hold."""
    trainer = make_trainer(
        [strokes_far_apart(7)],
        preset=recipe(tile=32, batch=2),
        classes=8,  # the last is named and not painted
        validation="none",
        new_head=True,
        seed=seed,
    )
    fitted: list[Batch] = []

    def spy(batches: list[Batch], generator: torch.Generator) -> bool:
        fitted.extend(batches)
        return True

    monkeypatch.setattr(trainer.learner, "fit_last_layer", spy)
    list(trainer.run(steps=1))
    seen = torch.cat([b.classes[b.weights > 0] for b in fitted]).unique().tolist()
    assert seen == list(range(7))
    generator = torch.Generator().manual_seed(seed_of_step(seed + 2, 0))
    for batch in fitted[:BATCHES]:  # the same as ever
        usual = trainer.pieces.draw(undeformed(trainer.preset), generator)
        assert torch.equal(batch.images, usual.images)
    assert all(batch.images.shape == fitted[0].images.shape for batch in fitted)


def test_nothing_more_is_drawn_where_no_class_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(labelled(2), new_head=True)
    numbers: list[int] = []

    def spy(batches: list[Batch], generator: torch.Generator) -> bool:
        numbers.append(len(batches))
        return True

    monkeypatch.setattr(trainer.learner, "fit_last_layer", spy)
    list(trainer.run(steps=1))
    assert numbers == [BATCHES]


def test_a_class_of_few_pixels_is_not_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_answer, "MOST_PIXELS", 200)
    network, batch = network_and_batch(2)
    batch.classes[0, :2, :2] = 2
    given: list[torch.Tensor] = []

    def spy(features: torch.Tensor, classes: torch.Tensor, *rest: Any, **more: Any) -> Any:
        given.append(classes)
        return logistic_regression(features, classes, *rest, **more)

    monkeypatch.setattr(first_answer, "logistic_regression", spy)
    assert fit(network, batch)
    assert given[0].unique().tolist() == [0, 1, 2]
    assert len(given[0]) <= 204
