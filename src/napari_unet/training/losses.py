"""What a step minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def weighted_cross_entropy(logits: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Pixel-wise softmax cross-entropy, mean by weight (Ronneberger et al. 2015, eq. 1 and 2).

    ``logits`` (B, class, *size), ``classes`` int64 (B, *size), ``weights`` (B, *size); weight 0 =
    not labelled. Zero when nothing is labelled.
    """
    losses = F.cross_entropy(logits, classes, reduction="none")
    return (losses * weights).sum() / weights.sum().clamp_min(1e-6)


def dice_loss(logits: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """1 - soft Dice, mean over the classes present in the batch, on labelled pixels only.

    Milletari et al. 2016 (V-Net), with sums instead of squares; shapes as above.
    """
    labelled = (weights > 0).unsqueeze(1)
    probability = torch.softmax(logits, 1) * labelled
    truth = F.one_hot(classes, logits.shape[1]).movedim(-1, 1) * labelled
    over = [0, *range(2, logits.dim())]
    overlap = (probability * truth).sum(over)
    sizes = truth.sum(over)
    dice = (2 * overlap + 1) / (probability.sum(over) + sizes + 1)
    present = (sizes > 0).to(dice.dtype)
    return ((1 - dice) * present).sum() / present.sum().clamp_min(1)


def loss(logits: Tensor, classes: Tensor, weights: Tensor, dice: float) -> Tensor:
    """Weighted cross-entropy plus ``dice`` times the Dice loss."""
    logits = logits.float()
    total = weighted_cross_entropy(logits, classes, weights)
    return total + dice * dice_loss(logits, classes, weights) if dice > 0 else total
