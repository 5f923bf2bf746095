"""Prune in rounds: look, cut, train a little; and keep the curve of quality against size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_unet.core.run import TrainingError
from napari_unet.errors import UserError
from napari_unet.model.building import network_for
from napari_unet.model.header import History, ImageRecord
from napari_unet.model.model import Model
from napari_unet.model.provenance import now, packages
from napari_unet.networks import registry
from napari_unet.prediction.device import autocast
from napari_unet.pruning.activations import activation_norms
from napari_unet.pruning.criteria import Method, Norms, choose
from napari_unet.pruning.curve import Point, percent_for
from napari_unet.pruning.tracing import check_prunable, cut, widths_of, wiring_of
from napari_unet.training.data import TrainingData
from napari_unet.training.events import Event, Failed
from napari_unet.training.presets import Preset, preset
from napari_unet.training.schedule import seed_of_step
from napari_unet.training.trainer import Trainer
from napari_unet.training.validation import validate

LOOKED_AT = 8
"""Batches from which the activations are measured."""


class Pruner:
    """Makes ``model`` smaller on ``data``; see :meth:`run`. The model it was given stays as it is.

    ``targets``: parameters to come down to, one for each round, ever fewer. Each round trains for
    ``steps`` steps or ``budget`` seconds. What ``data`` holds out is scored.

    Raises
    ------
    UserError
        A network that cannot be pruned, targets that cannot be reached, labels with more classes
        than the model, or nothing to learn from.
    """

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        *,
        targets: list[int],
        method: Method = "stamp",
        steps: int | None = None,
        budget: float | None = None,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        header = model.header
        check_prunable(header.network)
        classes = len(header.classes)
        if data.classes() > classes:
            raise UserError(
                f"The labels hold {data.classes()} classes, the model knows {classes}: prune it "
                f"with labels of the classes that it was trained on."
            )
        self.model, self.data = model, data
        self.targets, self.method, self.seed = targets, method, seed
        self.steps, self.budget = steps, budget
        self._where: dict[str, Any] = {"device": device, "precision": precision}
        self._weights = model.network.state_dict()
        recipe: dict[str, Any] = dict(header.preset)
        recipe |= {"network": header.network, "arguments": header.arguments}
        self._recipe = preset(str(recipe.pop("name", "live")), **recipe)
        wiring = wiring_of(model.network)
        self.parameters = wiring.parameters(widths_of(model.network, wiring))
        lowest = min(targets, default=self.parameters)
        if lowest < wiring.least():
            raise UserError(
                f"With one channel left in each layer the network still has {wiring.least():,} of "
                f"its {self.parameters:,} parameters: prune to "
                f"{percent_for(wiring.least(), self.parameters)} or more."
            )

    def run(self, on_event: Callable[[Event], object] | None = None) -> Iterator[Point]:
        """Prune; a point for the model as it came, then one after each round.

        ``model`` is that of the last point. ``on_event`` hears of the training.

        Raises
        ------
        TrainingError
            A training that failed.
        """
        for one in self.events():
            if isinstance(one, Point):
                yield one
            elif on_event is not None:
                on_event(one)

    def events(self) -> Iterator[Event | Point]:
        """The same, step by step: the events of the training, and the points between them."""
        classes = len(self.model.header.classes)
        before: tuple[float | None, ...] = (None,) * classes
        if any(p.held_out is not None and p.held_out.scored for p in self.data.planes.values()):
            predictor = self.model.predictor(self._where["device"], self._where["precision"])
            before = validate(self.data, predictor, classes)[0]
            self.model.network.to("cpu")
        yield self._point(0, self.model.network, before, 0, 0.0)
        steps, seconds = 0, 0.0
        for number, target in enumerate(self.targets, 1):
            trainer = self._cut(number, target)
            for event in trainer.run(steps=self.steps, budget=self.budget):
                if isinstance(event, Failed):
                    raise TrainingError(event.message, event.details)
                yield event
            scores = trainer.validations[-1].iou if trainer.validations else (None,) * classes
            network = trainer.averaged().to("cpu")
            self._weights, self._recipe = network.state_dict(), trainer.preset
            steps, seconds = steps + trainer.step, seconds + trainer.seconds
            self.model = self._model(trainer, steps, seconds)
            yield self._point(number, self.model.network, scores, steps, seconds)

    def _cut(self, number: int, target: int) -> Trainer:
        """A trainer of the network with at most ``target`` parameters."""
        seed = seed_of_step(self.seed, number) % 2**31
        whole = self._trainer(self._recipe, seed)
        network = whole.averaged()
        wiring = wiring_of(network)
        widths = widths_of(network, wiring)
        norms: Norms = [np.ones(w) for w in widths]
        if self.method != "largest":
            batches = (self._draw(whole, step) for step in range(LOOKED_AT))
            with autocast(whole.device, whole.precision):
                norms = activation_norms(network, wiring, batches)
        kept = choose(wiring, norms, self.method, target, np.random.default_rng(seed))
        self._weights = cut(self._weights, wiring, kept, widths)
        arguments = self._arguments(self._recipe) | {"widths": [len(k) for k in kept]}
        return self._trainer(self._recipe.model_copy(update={"arguments": arguments}), seed)

    def _trainer(self, recipe: Preset, seed: int) -> Trainer:
        header = self.model.header
        return Trainer(
            self.data,
            preset=recipe,
            classes=len(header.classes),
            channels=header.in_channels,
            dims=header.dims,
            seed=seed,
            validation="given",
            start=self._weights,
            **self._where,
        )

    def _draw(self, trainer: Trainer, step: int) -> torch.Tensor:
        """Images as they are trained on."""
        generator = torch.Generator().manual_seed(seed_of_step(trainer.seed + 1, step))
        return trainer.pieces.draw(trainer.preset, generator).images

    def _arguments(self, recipe: Preset) -> dict[str, Any]:
        checked = registry.check_arguments(recipe.network, recipe.arguments, self.model.header.dims)
        return checked.model_dump(mode="json")

    def _model(self, trainer: Trainer, steps: int, seconds: float) -> Model:
        header = self.model.header
        known = {record.name for record in header.provenance.images}
        names = dict.fromkeys(plane.image.name for plane in self.data.planes.values())
        provenance = header.provenance.model_copy(
            update={
                "created": now(),
                "packages": packages(),
                "device": str(trainer.device),
                "precision": trainer.precision,
                "images": (
                    *header.provenance.images,
                    *(ImageRecord(name=name) for name in names if name not in known),
                ),
            }
        )
        changed = {
            "arguments": self._arguments(trainer.preset),
            "preset": trainer.preset.model_dump(mode="json"),
            "history": History(steps=steps, seconds=seconds),
            "provenance": provenance,
        }
        header = header.model_copy(update=changed)
        return Model(header, network_for(header, dict(self._weights)))

    def _point(
        self,
        number: int,
        network: nn.Module,
        iou: tuple[float | None, ...],
        steps: int,
        seconds: float,
    ) -> Point:
        wiring = wiring_of(network)
        widths = widths_of(network, wiring)
        # Of regions taken as one, Dice follows from IoU.
        dice = tuple(None if i is None else 2 * i / (1 + i) for i in iou)
        return Point(
            number, wiring.parameters(widths), sum(widths), tuple(widths), dice, steps, seconds
        )
