"""AdamW without a schedule, to be compared with the recipe's own; not part of the package.

A. Defazio et al., "The road less scheduled", NeurIPS 2024 (arXiv 2405.15682), algorithm 1.
Gradients are taken at y, between the fast weights z and their average x; x is what predicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from napari_unet.training import learner
from napari_unet.training.averaging import MANY, AveragedNetwork
from napari_unet.training.optimisers import AdamW


class ScheduleFree(AdamW):
    """The parameters are y; ``state[p]`` holds z, x and the mean of the squared gradients."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            rate, (mixed, second) = group["lr"], group["betas"]
            for p, gradient in zip(*self._with_gradient(group), strict=True):
                if p not in self.state:
                    zero = torch.tensor(0.0)
                    self.state[p] = {"step": zero.clone(), "weight": zero, "z": p.clone()}
                    self.state[p] |= {"x": p.clone(), "square": torch.zeros_like(p)}
                s = self.state[p]
                s["step"] += 1
                s["weight"] = s["weight"] + rate**2
                s["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
                root = (s["square"] / (1 - second ** float(s["step"]))).sqrt_().add_(group["eps"])
                s["z"].sub_(rate * (gradient / root + group["weight_decay"] * p))
                s["x"].lerp_(s["z"], float(rate**2 / s["weight"]))
                p.copy_(torch.lerp(s["z"], s["x"], mixed))


@contextmanager
def schedule_free() -> Iterator[None]:
    """Trainings begun in here use it, and their models are its averages."""
    made: list[ScheduleFree] = []

    def make(parameters: Iterable[Tensor], kind: str, rate: float, **values: Any) -> ScheduleFree:
        decay = values["weight_decay"]
        made.append(ScheduleFree(parameters, rate, betas=(0.9, 0.99), weight_decay=decay))
        return made[-1]

    @torch.no_grad()
    def update(self: AveragedNetwork, network: nn.Module, images: Tensor) -> None:
        for mean, p in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.copy_(made[-1].state[p]["x"] if p in made[-1].state else p)
        self.updates += 1
        self.recent = [*self.recent, images][-MANY:]
        self.forget()

    with (
        patch.object(learner.optimisers, "make", make),
        patch.object(AveragedNetwork, "update", update),
    ):
        yield
