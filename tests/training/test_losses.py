"""Losses against plain numpy."""

from __future__ import annotations

import numpy as np
import torch

from napari_unet.training.losses import dice_loss, loss, weighted_cross_entropy


def random_case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 3, (2, 5, 4), generator=generator)
    weights = torch.rand(2, 5, 4, generator=generator, dtype=torch.float64)
    weights[weights < 0.3] = 0
    return logits, classes, weights


def test_cross_entropy_is_the_weighted_mean() -> None:
    logits, classes, weights = random_case()
    p = np.exp(logits.numpy())
    p /= p.sum(1, keepdims=True)
    total = norm = 0.0
    for b, y, x in np.ndindex(2, 5, 4):
        w = float(weights[b, y, x])
        total -= w * np.log(p[b, int(classes[b, y, x]), y, x])
        norm += w
    np.testing.assert_allclose(weighted_cross_entropy(logits, classes, weights), total / norm)


def test_dice_is_one_minus_the_mean_overlap_of_labelled_pixels() -> None:
    logits, classes, weights = random_case(1)
    p = np.exp(logits.numpy())
    p /= p.sum(1, keepdims=True)
    known = weights.numpy() > 0
    scores = []
    for c in range(3):
        t = (classes.numpy() == c) & known
        overlap = (p[:, c] * t).sum()
        scores.append((2 * overlap + 1) / ((p[:, c] * known).sum() + t.sum() + 1))
    np.testing.assert_allclose(dice_loss(logits, classes, weights), 1 - np.mean(scores))


def test_what_is_not_labelled_has_no_gradient() -> None:
    logits, classes, weights = random_case(2)
    logits.requires_grad_(True)
    loss(logits, classes, weights, 1.0).backward()
    assert logits.grad is not None
    silent = (weights == 0).unsqueeze(1).expand_as(logits)
    assert (logits.grad[silent] == 0).all()
    assert (logits.grad[~silent] != 0).any()


def test_nothing_labelled_is_no_loss() -> None:
    logits, classes, weights = random_case(3)
    assert float(loss(logits, classes, weights * 0, 1.0)) == 0
