"""What start weights are trained for: all lessons of a scene, with features that stay different."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    smooth_l1_loss,
)

from napari_unet.start.lessons import LINES, ON_OBJECTS, VALUES
from napari_unet.start.scenes import SCENES

RARE = (3.0, 6.0)
"""Weights of pixels on LINES against those beside them."""
KIND = 0.1
"""Weight of telling the kind of scene."""
SIMILAR = 0.3
"""Weight of the similarity of features."""
PIXELS = 1024
"""Drawn for measuring how similar features are."""


@dataclass(frozen=True)
class Lessons:
    """A batch: ``inside`` int64 (B, y, x), ``lines`` and ``values`` float32 (B, channel, y, x),
    ``kind`` int64 (B,); see :class:`~napari_unet.start.lessons.Lesson`.
    """

    inside: Tensor
    lines: Tensor
    values: Tensor
    kind: Tensor


class Objective(nn.Module):
    """Losses of a U-Net with two classes. Has a last layer of its own for what is not inside or
    outside; it is forgotten afterwards.

    For comparisons: with ``lessons`` off only inside and outside are taught, and with ``similar``
    0 features may become similar.
    """

    def __init__(
        self, network: nn.Module, *, lessons: bool = True, similar: float = SIMILAR
    ) -> None:
        super().__init__()
        self.lessons, self.similar = lessons, similar
        head = network.get_submodule("head")
        assert isinstance(head, nn.Conv2d)
        self.head = nn.Conv2d(head.in_channels, len(LINES) + len(VALUES) + len(SCENES), 1)
        self._features: dict[str, Tensor] = {}
        for name in ("contracting", "expansive"):
            for level, block in network.get_submodule(name).named_children():
                block.register_forward_hook(self._keep(f"{name}.{level}"))

    def _keep(self, name: str) -> Any:
        def keep(block: nn.Module, inputs: Any, features: Tensor) -> None:
            self._features[name] = features

        return keep

    def forward(self, logits: Tensor, lessons: Lessons) -> Tensor:
        """Loss of ``logits`` (B, 2, y, x), which the network has just made."""
        features, self._features = self._features, {}
        loss = segmentation_loss(logits.float(), lessons.inside)
        if self.lessons:
            last = list(features.values())[-1].float()
            loss = loss + lesson_loss(self.head(last), lessons)
        if self.similar:
            loss = loss + self.similar * sum(similarity(f.float()) for f in features.values())
        return loss


def segmentation_loss(logits: Tensor, inside: Tensor) -> Tensor:
    """Cross-entropy, and half of 1 - Dice of what is inside, by image."""
    found = logits.softmax(1)[:, 1]
    both = (found * inside).sum((1, 2))
    dice = (2 * both + 1) / ((found + inside).sum((1, 2)) + 1)
    return cross_entropy(logits, inside) + 0.5 * (1 - dice.mean())


def lesson_loss(found: Tensor, lessons: Lessons) -> Tensor:
    """Of all but inside: ``found`` (B, LINES and VALUES and SCENES, y, x), not normalised."""
    lines, values, kind = torch.split(found, [len(LINES), len(VALUES), len(SCENES)], 1)
    rare = torch.tensor(RARE)[:, None, None]
    loss = binary_cross_entropy_with_logits(lines, lessons.lines, pos_weight=rare)
    loss = loss + value_loss(values, lessons.values, lessons.inside)
    everywhere = lessons.kind[:, None, None].expand_as(lessons.inside)
    return loss + KIND * cross_entropy(kind, everywhere)


def value_loss(found: Tensor, values: Tensor, inside: Tensor) -> Tensor:
    """Of values that are known everywhere, and of those that only objects have, there."""
    everywhere = smooth_l1_loss(found[:, :-ON_OBJECTS], values[:, :-ON_OBJECTS])
    apart = smooth_l1_loss(found[:, -ON_OBJECTS:], values[:, -ON_OBJECTS:], reduction="none")
    return everywhere + (apart * inside[:, None]).sum() / (ON_OBJECTS * inside.sum() + 1)


def similarity(features: Tensor, pixels: int = PIXELS) -> Tensor:
    """Mean squared correlation between two channels of ``features`` (B, channel, y, x), 0..1.

    Where it is high, a layer of many channels says what one alone could, and training for another
    purpose has little to begin with (Bardes et al. 2022, VICReg, for its covariance term; Cogswell
    et al. 2016 for the idea). Measured at up to ``pixels`` random positions.
    """
    flat = features.movedim(1, -1).flatten(0, -2)
    if len(flat) > pixels:
        flat = flat[torch.randint(len(flat), (pixels,))]
    apart = flat - flat.mean(0)
    apart = apart / (apart.std(0, correction=0) + 1e-2)
    squares = (apart.T @ apart / len(apart)).square()
    channels = len(squares)
    return (squares.sum() - squares.diagonal().sum()) / (channels * (channels - 1))
