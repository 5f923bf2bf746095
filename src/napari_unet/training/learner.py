"""A network, its averaged copy and its optimiser: what one step changes, and how to go back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.prediction.device import autocast
from napari_unet.prediction.way import Way
from napari_unet.training import optimisers
from napari_unet.training.averaging import AveragedNetwork
from napari_unet.training.first_answer import fit_last_layer
from napari_unet.training.losses import loss
from napari_unet.training.presets import Preset
from napari_unet.training.sampler import Batch
from napari_unet.training.state import copy_overlap, load_optimiser, optimiser_tensors


class Learner:
    """Builds the network of ``preset`` on ``device``; ``step`` counts the optimiser steps made."""

    def __init__(
        self,
        preset: Preset,
        *,
        dims: int,
        channels: int,
        classes: int,
        device: torch.device,
        way: Way,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.preset, self.dims, self.channels, self.classes = preset, dims, channels, classes
        self.device, self.way, self.precision = device, way, way.precision
        self.layout = way.layout(dims)
        self.step = 0
        self.network = self._build()
        if start:
            copy_overlap(start, self.network)
        self.averaged = AveragedNetwork(self.network, preset.averaging)
        self.optimiser = self._make_optimiser()
        self.scaler = torch.amp.GradScaler(device.type, enabled=way.precision == "fp16")

    def learn(self, batch: Batch) -> float:
        """One optimiser step; returns the loss. A loss that is not finite changes nothing."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        images = batch.images.contiguous(memory_format=self.layout)
        with autocast(self.device, self.precision):
            outputs = heads(self.network, images)
        value = torch.stack(
            [loss(logits, batch.classes, batch.weights, self.preset.dice) for logits in outputs]
        ).mean()
        result = float(value.detach())
        if math.isfinite(result):
            self.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self.averaged.update(self.network, images)
            self.step += 1
        return result

    def fit_last_layer(self, batches: Sequence[Batch], generator: torch.Generator) -> bool:
        """A first answer without a step, see :mod:`first_answer`; False where there is none."""
        fitted = fit_last_layer(
            self.network,
            batches,
            precision=self.precision,
            layout=self.layout,
            generator=generator,
        )
        if fitted:
            self.averaged.begin(self.network, [b.images for b in batches])
        return fitted

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next steps."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def averaged_network(self, finish: Callable[[nn.Module], nn.Module], batches: int) -> nn.Module:
        """What ``finish`` makes of the averaged network, see :meth:`AveragedNetwork.ready`."""
        return self.averaged.ready(self.device, self.precision, finish, batches)

    @torch.no_grad()
    def probability(
        self, network: nn.Module, pixels: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """What ``network`` says of (B, C, *input), in the way of training: (B, class, *output)."""
        images = torch.from_numpy(pixels).to(self.device)
        with autocast(self.device, self.precision):
            logits = network(images.contiguous(memory_format=self.layout))
        said: npt.NDArray[np.float32] = logits.float().softmax(1).cpu().numpy()
        return said

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(bool(p.isfinite().all()) for p in self.network.parameters())

    def add_classes(self, classes: int) -> None:
        """Grow the head; everything that was learnt stays."""
        tensors, updates, recent = self.tensors(), self.averaged.updates, self.averaged.recent
        self.classes = classes
        self.network = self._build()
        self.averaged = AveragedNetwork(self.network, self.averaged.decay)
        self.optimiser = self._make_optimiser()
        self._take(tensors)
        self.averaged.updates, self.averaged.recent = updates, recent

    def tensors(self) -> dict[str, Tensor]:
        """Copies, on the CPU, of all that :meth:`load` needs."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self.averaged.network.state_dict().items()}
        tensors |= optimiser_tensors(self.optimiser)
        tensors |= {f"recent.{i}": t for i, t in enumerate(self.averaged.recent)}
        # A plain layout: safetensors stores it, and loading restores the device's own.
        return {
            k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
            for k, v in tensors.items()
        }

    def load(self, tensors: dict[str, Tensor], *, step: int, updates: int) -> None:
        """Go back, or on, to what :meth:`tensors` was when ``step`` and ``updates`` were.

        Raises
        ------
        UserError
            The tensors belong to another network.
        """
        own = {f"network.{k}" for k in self.network.state_dict()}
        if {k for k in tensors if k.startswith("network.")} != own:
            raise UserError(
                "The saved training belongs to another network: train with the same network and "
                "settings, or start anew from its weights."
            )
        # Built anew, lest what the tensors lack (a class added since) keeps what it has.
        self.network = self._build()
        self.averaged = AveragedNetwork(self.network, self.averaged.decay)
        self.optimiser = self._make_optimiser()
        self._take(tensors)
        recent = sorted((k for k in tensors if k.startswith("recent.")), key=_number)
        self.averaged.recent = [
            tensors[k].to(self.device).contiguous(memory_format=self.layout) for k in recent
        ]
        self.averaged.updates, self.step = updates, step

    def snapshot(self) -> dict[str, Any]:
        """Arguments of :meth:`load` for the present state."""
        return {
            "tensors": self.tensors(),
            "step": self.step,
            "updates": self.averaged.updates,
        }

    def _take(self, tensors: dict[str, Tensor]) -> None:
        for part, network in (("network.", self.network), ("averaged.", self.averaged.network)):
            own = {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
            copy_overlap(own, network)
        load_optimiser(self.optimiser, tensors)
        self.averaged.forget()

    def _build(self) -> nn.Module:
        network = registry.build(
            self.preset.network,
            dims=self.dims,
            in_channels=self.channels,
            out_channels=self.classes,
            arguments=self.preset.arguments,
        )
        return network.to(device=self.device, memory_format=self.layout)  # type: ignore[call-overload,no-any-return]

    def _make_optimiser(self) -> Any:
        p = self.preset
        return optimisers.make(
            self.network.parameters(),
            p.optimiser,
            p.learning_rate,
            momentum=p.momentum,
            weight_decay=p.weight_decay,
            fused=self.way.fused,
        )


def heads(network: nn.Module, images: Tensor) -> list[Tensor]:
    """All logits that training compares with the labels: several with deep supervision."""
    deep = getattr(network, "heads", None)
    return deep(images) if callable(deep) else [network(images)]


def _number(name: str) -> int:
    return int(name.rpartition(".")[2])
