"""The losses that start weights are trained with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from napari_unet.networks import registry
from napari_unet.start.lessons import LINES, ON_OBJECTS, VALUES
from napari_unet.start.objective import (
    Lessons,
    Objective,
    segmentation_loss,
    similarity,
    value_loss,
)
from napari_unet.start.scenes import SCENES


def test_similarity_is_the_mean_squared_correlation() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 5, 16, 16, dtype=torch.float64)
    features[:, 1] = 3 * features[:, 0] + 0.5 * features[:, 2]
    reference = np.corrcoef(features.movedim(1, -1).reshape(-1, 5).numpy().T) ** 2
    expected = (reference.sum() - 5) / 20
    assert float(similarity(features)) == pytest.approx(expected, rel=0.05)


def test_copies_are_similar_and_noise_is_not() -> None:
    torch.manual_seed(0)
    one = torch.randn(1, 1, 64, 64)
    assert float(similarity(one.repeat(1, 8, 1, 1))) == pytest.approx(1, abs=0.05)
    assert float(similarity(-one * torch.arange(1, 9)[:, None, None])) > 0.9
    assert float(similarity(torch.randn(1, 8, 64, 64))) < 0.01
    assert float(similarity(torch.zeros(1, 8, 64, 64))) == 0


def test_what_is_perfect_costs_nothing() -> None:
    torch.manual_seed(0)
    inside = torch.rand(2, 8, 8) < 0.4
    logits = 50.0 * one_hot(inside.long(), 2).movedim(-1, 1)
    assert float(segmentation_loss(logits, inside.long())) == pytest.approx(0, abs=1e-3)
    assert float(segmentation_loss(-logits, inside.long())) > 10
    values = torch.randn(2, len(VALUES), 8, 8)
    assert float(value_loss(values, values, inside.long())) == 0


def test_values_of_objects_count_inside_only() -> None:
    inside = torch.zeros(1, 4, 4, dtype=torch.long)
    inside[0, 0, 0] = 1
    values = torch.zeros(1, len(VALUES), 4, 4)
    found = values.clone()
    found[:, -ON_OBJECTS:, 1:] = 9
    assert float(value_loss(found, values, inside)) == 0
    found[:, -1, 0, 0] = 9
    assert float(value_loss(found, values, inside)) > 0


def test_a_step_lowers_the_loss_and_hooks_keep_nothing() -> None:
    torch.manual_seed(0)
    arguments = {"width": 4, "depth": 2, "padding": "same", "norm": "batch", "dropout": 0.0}
    network = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=arguments)
    objective = Objective(network)
    images = torch.randn(2, 1, 32, 32)
    inside = (images[:, 0] > 0).long()
    lessons = Lessons(
        inside,
        torch.zeros(2, len(LINES), 32, 32),
        images.expand(-1, len(VALUES), -1, -1),
        torch.tensor([0, len(SCENES) - 1]),
    )
    optimiser = torch.optim.Adam([*network.parameters(), *objective.parameters()], 1e-2)
    losses = []
    for _ in range(12):
        loss = objective(network(images), lessons)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for p in objective.parameters())
    assert not objective._features
