"""The training loop: a generator of frozen events, the same for dock, command line and Python.

Whoever drives it may, between two ``next`` calls, change labels, ask for a preview or stop; not
calling ``next`` is a pause. All randomness of a step is a function of (seed, step), so a resumed
training continues bit by bit, and looking at previews changes nothing.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Hashable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.images.image import Box, Index
from napari_unet.networks import registry
from napari_unet.prediction.device import choose_device, free_memory, is_out_of_memory
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import looking_twice
from napari_unet.speed import way_for_training
from napari_unet.training.ahead import Ahead
from napari_unet.training.averaging import FEW, thorough
from napari_unet.training.data import TrainingData
from napari_unet.training.events import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    Fitted,
    Notice,
    Progress,
    Started,
    Validation,
)
from napari_unet.training.faults import in_words, too_small
from napari_unet.training.learner import Learner
from napari_unet.training.memory import NO_MEMORY, within_memory
from napari_unet.training.pace import Pace
from napari_unet.training.pieces import Pieces
from napari_unet.training.presets import Preset
from napari_unet.training.previews import Previews
from napari_unet.training.recovery import DIVERGED, Recovery
from napari_unet.training.sampler import Batch
from napari_unet.training.schedule import learning_rate, part_done, seed_of_step
from napari_unet.training.shares import follow_images
from napari_unet.training.state import restore, state_of
from napari_unet.training.validator import Validator

LONGEST_STOP = 2.0
"""Seconds that a last score may take when the user has pressed Stop."""


class Trainer:
    """Trains one network on ``data``; see :meth:`run`.

    ``classes`` counts background too. ``validation``: "auto" holds out a part of the labels, "none"
    does not, and "given" leaves what the caller held out. ``start`` holds weights to begin with;
    where the head has other classes, the part that fits is taken. ``new_head``: the last layer of
    ``start`` knows other classes; it is fitted to the labels before the first step.
    ``preparation``: seconds that were spent on the data already and count as training time.

    Raises
    ------
    UserError
        Nothing to learn from, an unknown network, or a device that is not there.
    """

    def __init__(
        self,
        data: TrainingData,
        *,
        preset: Preset,
        classes: int,
        channels: int,
        dims: int = 2,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
        validation: str = "auto",
        start: dict[str, Tensor] | None = None,
        new_head: bool = False,
        preparation: float = 0.0,
    ) -> None:
        clock = time.perf_counter()
        data.check()
        self.data, self.preset, self.seed = data, preset, seed
        self.device = choose_device(device)
        way = way_for_training(
            preset.network, preset.arguments, dims=dims, device=self.device, precision=precision
        )
        self.precision = way.precision
        self.geometry = registry.geometry(preset.network, preset.arguments, dims)
        self.pieces = Pieces(data, preset, self.geometry, self.device, classes)
        self.rate_factor = 1.0
        self.losses: list[float] = []
        self.origin = "random"
        """Where the first weights came from: "random", "general" or a file; for the record."""
        self.checkpoint_cost = 0.5
        """Seconds that writing a checkpoint takes; whoever writes it corrects it."""
        self._new_head, self.fitted = new_head, False
        self._stopping = False
        self._step_takes = 0.0
        self._requests = Previews(data)
        self._validator = Validator(data, validation)
        self._validator.begin(seed)
        torch.manual_seed(seed)
        self.learner = Learner(
            preset,
            dims=dims,
            channels=channels,
            classes=classes,
            device=self.device,
            way=way,
            start=start,
        )
        self.pieces.weigh(self.classes)
        self._ahead = Ahead(self.device) if self.device.type != "cpu" else None
        self.seconds = preparation + time.perf_counter() - clock

    # ------------------------------------------------------------ what the caller may do

    @property
    def step(self) -> int:
        """Optimiser steps made so far."""
        return self.learner.step

    @property
    def classes(self) -> int:
        """Classes of the network, background included."""
        return self.learner.classes

    @property
    def batch(self) -> int:
        """Pieces in a step; halved where memory ran out."""
        return self.pieces.batch

    @property
    def tile(self) -> tuple[int, ...]:
        """Pixels of output of a piece, by axis; smaller where memory ran out."""
        return self.pieces.tile

    @property
    def validations(self) -> list[Validation]:
        """All scores so far."""
        return self._validator.scores

    def stop(self) -> None:
        """End before the next step; the model is kept."""
        self._stopping = True

    def request_preview(self, image: str, index: Index, box: Box) -> None:
        """Ask for a prediction of a region; a Preview event answers between two steps.

        Its box is the part of ``box`` that lies inside the image; outside it, nothing answers.
        """
        self._requests.request(image, index, box)

    def update_labels(self, image: str, index: Index) -> None:
        """The labels of a plane changed: the next step learns from them.

        Raises
        ------
        UserError
            The new labels cannot be used; training goes on with the old ones.
        """
        plane = self.data.refresh(image, index)
        if plane is not None:
            self._validator.take_in(plane, self.seed)
        if self.data.classes() > self.classes:
            self.learner.add_classes(self.data.classes())
        self.pieces.weigh(self.classes)

    def forget(self, image: str) -> None:
        """Nothing is learnt from an image any more."""
        self.data.remove(image)
        self.pieces.weigh(self.classes)

    def averaged(self) -> nn.Module:
        """The averaged network in evaluation mode, to be kept: batch statistics estimated anew.

        Where the recipe says so, its classes are as common as in the images.
        """
        batches = thorough(self.step, self._step_takes)
        return self.learner.averaged_network(self._finish, batches)

    def predictor(self) -> Predictor:
        """Predicts with the averaged network of this moment, whose statistics are of few batches
        unless :meth:`averaged` was asked for since the last step.

        Before the first step it looks once only: somebody waits for the first answer.
        """
        network = self.learner.averaged_network(self._finish, FEW)
        share = self.preset.second_look if self.step else 0.0
        network, geometry = looking_twice(network, self.geometry, share)
        return Predictor(network, geometry, device=self.device, way=self.learner.way)

    def _finish(self, network: nn.Module) -> nn.Module:
        if self.preset.shares == "labels":
            return network
        return follow_images(
            network,
            self.data,
            # On the CPU first: Apple GPUs know no float64.
            self.pieces.balance[: self.classes].cpu().double().numpy(),
            output=self.tile,
            border=self.geometry.border,
            batch=self.batch,
            predict=partial(self.learner.probability, network),
        )

    # ------------------------------------------------------------ the loop

    def run(
        self, *, steps: int | None = None, budget: float | None = None, in_all: bool = False
    ) -> Iterator[Event]:
        """Train until step ``steps``, for ``budget`` seconds, or until stopped.

        With a limit the learning rate falls to nothing towards it; without one it stays. Seconds
        include preparation, validation and previews, not the time in which the caller paused.
        With ``in_all`` those before a resume count too: the run ends as if it had not been broken.
        """
        self._stopping = False
        notes = list(self.data.notes)
        if self._validator.lacks_labels:
            notes.append("There are too few labels to hold some out: no validation score yet.")
        yield Started(
            self.preset.network,
            sum(p.numel() for p in self.learner.network.parameters()),
            str(self.device),
            self.precision,
            self.batch,
            self.tile,
            tuple(notes),
        )
        try:
            yield from self._loop(steps, budget, self.seconds if self.step and not in_all else 0.0)
        except UserError as error:
            yield Failed(str(error))
        except Exception as error:
            yield Failed(in_words(error), "" if too_small(error) else traceback.format_exc())

    def _loop(self, steps: int | None, budget: float | None, began: float) -> Iterator[Event]:
        first = self.step
        last_checkpoint = self.seconds
        self._validator.start_clock(self.seconds)
        recovery = Recovery(self.learner)
        pace = Pace()
        if self._new_head and self.step == 0 and self._fit_last_layer():
            yield Fitted(self.seconds)
            yield from self._previews()
        while not self._stopping:
            clock = time.perf_counter()
            ending = self._kept_free(pace, budget) if budget is not None else 0.0
            done = part_done(self.step, steps, self.seconds - began, budget, ending)
            if done >= 1:
                break
            limited = steps is not None or budget is not None
            rate = self.rate_factor * learning_rate(self.preset, self.step, done, limited=limited)
            self.learner.set_rate(rate)
            value, fault = within_memory(self._step)
            if value is None:
                shrunk = self._shrink()
                pace.begin_anew()
                self.seconds += time.perf_counter() - clock
                if not shrunk:
                    yield Failed(NO_MEMORY, fault)
                    return
                yield Notice(
                    f"Memory ran out: training goes on with {self.batch} tile(s) of "
                    f"{self.tile[-1]} pixels a step."
                )
                continue
            if not recovery.sound(value):
                notice = self._go_back(recovery)
                self.seconds += time.perf_counter() - clock
                if recovery.hopeless:
                    yield Failed(DIVERGED.format(self.step))
                    return
                yield notice
                continue
            self.losses.append(value)
            took = time.perf_counter() - clock
            pace.took(took)
            self._step_takes = pace.step
            self.seconds += took
            progress = partial(
                Progress,
                step=self.step,
                loss=value,
                steps_per_second=pace.steps_per_second,
                learning_rate=rate,
            )
            yield progress(seconds=self.seconds)
            yield from self._previews()
            if self._validator.due(self.seconds, self._score_takes(pace)):
                validation = self._validate()
                yield progress(seconds=self.seconds, validation=validation)
            pause = max(15.0, 20 * self.checkpoint_cost)
            if self.seconds - last_checkpoint >= pause and self.learner.finite():
                last_checkpoint = self.seconds
                yield Checkpoint(self.step, self.seconds, self.state())
        clock = time.perf_counter()
        if not self.learner.finite():
            yield self._go_back(recovery)
        self.averaged()
        self.seconds += time.perf_counter() - clock
        expected = self._score_takes(pace)
        # Whoever presses Stop wants the model now.
        wanted = self.step > first and (expected < LONGEST_STOP or not self._stopping)
        last = self._validate() if wanted and self._validator.active else None
        yield from self._previews()
        reason = "stopped" if self._stopping else "steps" if steps is not None else "budget"
        yield Finished(self.step, self.seconds, reason, last)

    def _kept_free(self, pace: Pace, budget: float) -> float:
        """Seconds of ``budget`` that what comes after the last step will take."""
        batches = thorough(self.step, pace.step)
        return pace.kept_free(budget, batches, self._score_takes(pace))

    def _score_takes(self, pace: Pace) -> float:
        """Seconds that the next score takes, as far as the pace of learning tells."""
        pixels = self.batch * math.prod(self.geometry.input_size(self.tile))
        halo = self.geometry.predicting(self.preset.second_look).halo
        return self._validator.expected(pace.step / pixels, halo)

    def _step(self) -> float:
        torch.manual_seed(seed_of_step(self.seed, self.step))  # dropout
        batch = self._ahead.take(self._drawn_for()) if self._ahead is not None else None
        value = self.learner.learn(batch or self._draw())
        if self._ahead is not None:  # the device still works on the way back
            self._ahead.draw(self._drawn_for(), self._draw)
        return value

    def _draw(self) -> Batch:
        generator = torch.Generator().manual_seed(seed_of_step(self.seed + 1, self.step))
        return self.pieces.draw(self.preset.at(self.step), generator)

    def _drawn_for(self) -> Hashable:
        """All that the next batch depends on."""
        return self.seed, self.step, self.batch, self.tile, self.data.version

    def _fit_last_layer(self) -> bool:
        """Where memory runs out, the first steps do it: they make the batch smaller first."""
        clock = time.perf_counter()
        generator = torch.Generator().manual_seed(seed_of_step(self.seed + 2, 0))
        try:
            batches = self.pieces.to_fit(generator, self.classes)
            self.fitted = self.learner.fit_last_layer(batches, generator)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self._new_head = False
        self.seconds += time.perf_counter() - clock
        return self.fitted

    def _go_back(self, recovery: Recovery) -> Notice:
        recovery.go_back()
        self.rate_factor /= 2
        # Other draws than those that led here; still a function of what happened, so repeatable.
        self.seed += 1
        del self.losses[self.step :]
        return Notice(
            f"The loss became infinite: went back to step {self.step} and halved the learning rate."
        )

    def _previews(self) -> Iterator[Event]:
        clock = time.perf_counter()
        for preview in self._requests.answers(self.predictor, self.step):
            self.seconds += time.perf_counter() - clock
            yield preview
            clock = time.perf_counter()

    # ------------------------------------------------------------ parts

    def _shrink(self) -> bool:
        """Smaller steps from now on; False when they cannot be smaller."""
        self.learner.optimiser.zero_grad(set_to_none=True)
        self.learner.averaged.keep_few()
        free_memory(self.device)
        return self.pieces.shrink()

    def _validate(self) -> Validation:
        clock = time.perf_counter()
        predictor = self.predictor()
        self.seconds += time.perf_counter() - clock
        score = self._validator.score(predictor, self.classes, self.step, self.seconds)
        self.seconds = score.seconds
        return score

    # ------------------------------------------------------------ state

    def state(self) -> dict[str, Any]:
        """What :meth:`load_state` needs: {"tensors": tensors by name, "values": JSON-able}."""
        return state_of(self, self._validator)

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was; the data must be there already.

        Raises
        ------
        UserError
            The state belongs to another network.
        """
        restore(self, self._validator, state)
        self.pieces.weigh(self.classes)
