"""Averaged weights: the model that is good at every moment of a training that has no end.

The average is exponential with a ramped decay (Polyak averaging; ramp as in Tarvainen and Valpola
2017). Batch statistics lag behind averaged weights, so they are estimated anew from the latest
batches, as in stochastic weight averaging (Izmailov et al. 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from napari_unet.prediction.device import autocast

FEW = 4
"""Batches that the statistics of a preview are estimated from: quick, but they differ from one
preview to the next as the batches do, enough to open and close gaps in membranes."""
MANY = 16
"""The same for a model that is kept, late in a training."""
LONGEST = 2.0
"""Seconds that more than a few batches may take: who presses Stop wants the model now."""


def thorough(step: int, step_takes: float) -> int:
    """How many batches a model that is kept after ``step`` steps deserves.

    What they cost must neither take many steps from a training of seconds nor hold anybody up.
    Statistics need the way forth alone, a third of a step, which takes ``step_takes`` seconds.
    """
    affordable = int(3 * LONGEST / step_takes) if step_takes > 0 else MANY
    return max(FEW, min(step // 10, MANY, affordable))


@contextmanager
def fresh_statistics(network: nn.Module) -> Iterator[None]:
    """Batch statistics become the plain mean over what ``network`` is given meanwhile.

    All else, dropout included, predicts; afterwards the network does altogether.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.eval()


class AveragedNetwork:
    """A copy of ``network`` that holds the averaged weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.decay = decay
        self.updates = 0
        self.recent: list[Tensor] = []
        self._norms = [m for m in self.network.modules() if isinstance(m, _BatchNorm)]
        self._estimated = 0
        self._finished: nn.Module | None = None

    @torch.no_grad()
    def update(self, network: nn.Module, images: Tensor) -> None:
        """Take in the weights after a step on ``images`` (B, C, *input)."""
        self.updates += 1
        decay = min(self.decay, self.updates / (10 + self.updates))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        if self._norms:
            self.recent = [*self.recent, images][-MANY:]
        self.forget()

    @torch.no_grad()
    def begin(self, network: nn.Module, batches: Sequence[Tensor]) -> None:
        """Be ``network`` as it is before the first step, its statistics those of ``batches``."""
        self.network.load_state_dict(network.state_dict())
        self.recent = list(batches)[-FEW:] if self._norms else []
        self._estimated, self._finished = len(self.recent), None

    def keep_few(self) -> None:
        """Give back what memory can be given back, where it is short."""
        self.recent = self.recent[-FEW:]

    def forget(self) -> None:
        """The weights were replaced from outside: estimate the statistics anew."""
        self._estimated, self._finished = 0, None

    @torch.no_grad()
    def ready(
        self,
        device: torch.device,
        precision: str,
        finish: Callable[[nn.Module], nn.Module],
        batches: int = FEW,
    ) -> nn.Module:
        """The averaged network in evaluation mode, with its batch statistics up to date.

        They are estimated from the latest ``batches`` batches, unless as many were already looked
        at since the last update. ``finish`` makes of the network what predicts, itself or a changed
        copy; asked once for each estimate.
        """
        wanted = self.recent[-batches:]
        if len(wanted) > self._estimated:
            self._estimated, self._finished = len(wanted), None
            with fresh_statistics(self.network), autocast(device, precision):
                for images in wanted:
                    self.network(images)
        if self._finished is None:
            self._finished = finish(self.network)
        return self._finished
