"""Averaged weights, and what their batch statistics are estimated from."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_training import labelled, make_trainer
from torch import nn

from napari_unet.training.averaging import FEW, LONGEST, MANY, AveragedNetwork, thorough

CPU = torch.device("cpu")


def test_averages_follow_the_weights_and_statistics_are_estimated_anew() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    averaged = AveragedNetwork(network, 0.5)
    expected = float(network[0].weight.detach()[0, 0, 0, 0])
    images = [torch.randn(2, 1, 4, 4) * 3 + 1 for _ in range(3)]
    for number, (value, batch) in enumerate(zip((1.0, 2.0, 4.0), images, strict=True), 1):
        with torch.no_grad():
            for p in network.parameters():
                p.fill_(value)
        averaged.update(network, batch)
        decay = min(0.5, number / (10 + number))
        expected = decay * expected + (1 - decay) * value
    convolution, norm = averaged.ready(CPU, "float32", unchanged).children()
    assert float(convolution.weight[0, 0, 0, 0]) == pytest.approx(expected, rel=1e-5)
    outputs = torch.stack([convolution(x) for x in images])
    torch.testing.assert_close(norm.running_mean, outputs.mean((0, 1, 3, 4)))
    assert not norm.training


def unchanged(network: nn.Module) -> nn.Module:
    return network


def test_a_model_that_is_kept_looks_at_more_batches_than_a_preview() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1))
    averaged = AveragedNetwork(network, 0.5)
    images = [torch.randn(2, 1, 4, 4) + number for number in range(MANY + 3)]
    for batch in images:
        averaged.update(network, batch)
    (norm,) = averaged.ready(CPU, "float32", unchanged).children()
    torch.testing.assert_close(norm.running_mean[0], torch.stack(images[-FEW:]).mean())
    averaged.ready(CPU, "float32", unchanged, MANY)
    of_many = torch.stack(images[-MANY:]).mean()
    torch.testing.assert_close(norm.running_mean[0], of_many)
    # A preview of the same weights does not make it worse again.
    averaged.ready(CPU, "float32", unchanged, FEW)
    torch.testing.assert_close(norm.running_mean[0], of_many)
    averaged.update(network, images[0])
    averaged.ready(CPU, "float32", unchanged, FEW)
    few = torch.stack([*images[-FEW + 1 :], images[0]]).mean()
    torch.testing.assert_close(norm.running_mean[0], few)


def test_what_predicts_is_made_once_for_each_estimate() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1))
    averaged = AveragedNetwork(network, 0.5)
    made: list[int] = []

    def finish(network: nn.Module) -> nn.Module:
        made.append(1)
        return network

    for _ in range(MANY):
        averaged.update(network, torch.randn(2, 1, 4, 4))
    for batches, times in ((FEW, 1), (FEW, 1), (MANY, 2), (FEW, 2)):
        averaged.ready(CPU, "float32", finish, batches)
        assert len(made) == times


@given(step=st.integers(0, 10**6), takes=st.floats(1e-4, 100))
def test_statistics_take_few_steps_and_seconds(step: int, takes: float) -> None:
    batches = thorough(step, takes)
    assert FEW <= batches <= MANY
    assert batches <= max(FEW, step / 10)
    assert batches <= thorough(step + 1, takes)
    assert batches == FEW or batches * takes / 3 <= LONGEST


def test_without_a_step_that_was_timed_the_steps_alone_count() -> None:
    assert thorough(100, 0) == 10
    assert thorough(1000, 0) == MANY


def test_a_trainer_takes_few_batches_for_previews_and_more_for_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make_trainer(labelled())
    for _ in trainer.run(steps=60):
        pass
    asked: list[int] = []
    ready = AveragedNetwork.ready

    def record(self: AveragedNetwork, *arguments: Any) -> nn.Module:
        asked.append(arguments[-1])
        return ready(self, *arguments)

    monkeypatch.setattr(AveragedNetwork, "ready", record)
    trainer._step_takes = 0.1  # however busy this machine is
    trainer.predictor()
    trainer.averaged()
    assert asked == [FEW, 6]
