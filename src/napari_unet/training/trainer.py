"""The training loop: a generator of frozen events, the same for dock, command line and Python.

Whoever drives it may, between two ``next`` calls, change labels, ask for a preview or stop; not
calling ``next`` is a pause. All randomness of a step is a function of (seed, step), so a resumed
training continues bit by bit, and looking at previews changes nothing.
"""

from __future__ import annotations

import math
import time
import traceback
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.images.image import Box, Index
from napari_unet.networks import registry
from napari_unet.prediction.device import (
    choose_device,
    choose_precision,
    free_memory,
    is_out_of_memory,
)
from napari_unet.prediction.predictor import Predictor
from napari_unet.training.data import TrainingData
from napari_unet.training.events import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    Notice,
    Preview,
    Progress,
    Started,
    Validation,
)
from napari_unet.training.learner import Learner
from napari_unet.training.presets import Preset
from napari_unet.training.sampler import draw_batch
from napari_unet.training.schedule import learning_rate, part_done
from napari_unet.training.state import (
    hold_out_from,
    hold_out_values,
    validation_values,
    validations_from,
)
from napari_unet.training.tile_size import fitting_tile, smaller_tile
from napari_unet.training.validation import (
    HoldOut,
    apply_hold_out,
    block_of,
    plan_hold_out,
    validate,
    work,
)

SNAPSHOT_STEPS = 25
MOST_ROLLBACKS = 5
NO_MEMORY = (
    "Memory ran out even for the smallest batch and tile: close other programs or choose a smaller "
    "network."
)


class Trainer:
    """Trains one network on ``data``; see :meth:`run`.

    ``classes`` counts background too. ``validation``: "auto" holds out a part of the labels, "none"
    does not, and "given" leaves what the caller held out. ``start`` holds weights to begin with;
    where the head has other classes, the part that fits is taken. ``preparation``: seconds that
    were spent on the data already and count as training time.

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
        preparation: float = 0.0,
    ) -> None:
        clock = time.perf_counter()
        data.check()
        self.data, self.preset, self.seed = data, preset, seed
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.geometry = registry.geometry(preset.network, preset.arguments, dims)
        self.batch = preset.batch
        self.tile = fitting_tile(
            self.geometry, preset.tile, (p.shape for p in data.planes.values())
        )
        self.rate_factor = 1.0
        self.losses: list[float] = []
        self.validations: list[Validation] = []
        self.checkpoint_cost = 0.5
        """Seconds that writing a checkpoint takes; whoever writes it corrects it."""
        self._stopping = False
        self._requests: list[tuple[str, Index, Box]] = []
        self._validation_cost: float | None = None  # seconds of one; None = not known yet
        self._fault = ""
        self._hold_out: HoldOut = {}
        self._validating = validation == "auto"
        if self._validating:
            self._hold_out = plan_hold_out(data, seed)
            apply_hold_out(data, self._hold_out)
        torch.manual_seed(seed)
        self.learner = Learner(
            preset,
            dims=dims,
            channels=channels,
            classes=classes,
            device=self.device,
            precision=self.precision,
            start=start,
        )
        self._balance = self._class_balance()
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

    def stop(self) -> None:
        """End before the next step; the model is kept."""
        self._stopping = True

    def request_preview(self, image: str, index: Index, box: Box) -> None:
        """Ask for a prediction of a region; a Preview event answers between two steps.

        Its box is the part of ``box`` that lies inside the image; outside it, nothing answers.
        """
        self._requests.append((image, index, box))

    def update_labels(self, image: str, index: Index) -> None:
        """The labels of a plane changed: the next step learns from them.

        Raises
        ------
        UserError
            The new labels cannot be used; training goes on with the old ones.
        """
        key = (image, index)
        plane = self.data.refresh(image, index)
        if plane is not None and self._validating:
            if key not in self._hold_out:  # never trained on: it can still spare a block
                self._hold_out[key] = block_of(plane, self.seed)
            apply_hold_out(self.data, {key: self._hold_out.get(key)})
        if self.data.classes() > self.classes:
            self.learner.add_classes(self.data.classes())
        self._balance = self._class_balance()

    def averaged(self) -> nn.Module:
        """The averaged network in evaluation mode, batch statistics estimated anew."""
        return self.learner.averaged_network()

    def predictor(self) -> Predictor:
        """Predicts with the averaged network of this moment."""
        return Predictor(
            self.averaged(), self.geometry, device=self.device, precision=self.precision
        )

    # ------------------------------------------------------------ the loop

    def run(self, *, steps: int | None = None, budget: float | None = None) -> Iterator[Event]:
        """Train until step ``steps``, for ``budget`` seconds in all, or until stopped.

        With a limit the learning rate falls to nothing towards it; without one it stays. Seconds
        include preparation, validation and previews, not the time in which the caller paused.
        """
        self._stopping = False
        notes = list(self.data.notes)
        if self._validating and not self._held_out():
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
            yield from self._loop(steps, budget)
        except UserError as error:
            yield Failed(str(error))
        except Exception as error:
            message = f"Training failed: {str(error) or type(error).__name__}"
            yield Failed(NO_MEMORY if is_out_of_memory(error) else message, traceback.format_exc())

    def _loop(self, steps: int | None, budget: float | None) -> Iterator[Event]:
        began = self.seconds if self.step else 0.0
        first = self.step
        last_validation = last_checkpoint = self.seconds
        rollbacks, snapshot = 0, self.learner.snapshot()
        durations: deque[float] = deque(maxlen=20)
        while not self._stopping:
            clock = time.perf_counter()
            step = min(durations, default=0.0)
            ending = self._ending(budget, step) if budget is not None else 0.0
            done = part_done(self.step, steps, self.seconds - began, budget, ending)
            if done >= 1:
                break
            limited = steps is not None or budget is not None
            rate = self.rate_factor * learning_rate(self.preset, self.step, done, limited=limited)
            self.learner.set_rate(rate)
            value = self._try_step()
            if value is None:
                shrunk = self._shrink()
                self.seconds += time.perf_counter() - clock
                if not shrunk:
                    yield Failed(NO_MEMORY, self._fault)
                    return
                yield Notice(
                    f"Memory ran out: training goes on with {self.batch} tile(s) of "
                    f"{self.tile[-1]} pixels a step."
                )
                continue
            due = self.step % SNAPSHOT_STEPS == 0
            if not math.isfinite(value) or (due and not self.learner.finite()):
                self._roll_back(snapshot)
                rollbacks += 1
                self.seconds += time.perf_counter() - clock
                if rollbacks > MOST_ROLLBACKS:
                    yield Failed(
                        "The loss kept becoming infinite, so training stopped at the last good "
                        f"weights (step {self.step}): check the image for extreme values or choose "
                        "a lower learning rate."
                    )
                    return
                yield Notice(
                    f"The loss became infinite: went back to step {self.step} and halved the "
                    "learning rate."
                )
                continue
            if due:
                rollbacks, snapshot = 0, self.learner.snapshot()
            self.losses.append(value)
            durations.append(time.perf_counter() - clock)
            self.seconds += durations[-1]
            progress = partial(
                Progress,
                step=self.step,
                loss=value,
                steps_per_second=len(durations) / sum(durations),
                learning_rate=rate,
            )
            yield progress(seconds=self.seconds)
            yield from self._previews()
            pause = max(10.0, 20 * self._validation_seconds(min(durations)))
            if self._held_out() and self.seconds - last_validation >= pause:
                validation = self._validate()
                last_validation = self.seconds
                yield progress(seconds=self.seconds, validation=validation)
            if self.seconds - last_checkpoint >= max(15.0, 20 * self.checkpoint_cost):
                last_checkpoint = self.seconds
                yield Checkpoint(self.step, self.seconds, self.state())
        clock = time.perf_counter()
        self.averaged()
        self.seconds += time.perf_counter() - clock
        last = None
        expected = self._validation_seconds(min(durations, default=0.0))
        # Whoever presses Stop wants the model now.
        if self.step > first and self._held_out() and (expected < 2 or not self._stopping):
            last = self._validate()
        yield from self._previews()
        reason = "stopped" if self._stopping else "steps" if steps is not None else "budget"
        yield Finished(self.step, self.seconds, reason, last)

    def _ending(self, budget: float, step: float) -> float:
        """Seconds to keep free at the end: for the batch statistics and the last validation.

        The first step of all, slow for once, says little about them: hence the bounds.
        """
        validation = self._validation_seconds(step) if self._held_out() else 0.0
        return min(6 * step, 0.15 * budget) + min(validation, 0.3 * budget)

    def _validation_seconds(self, step: float) -> float:
        """What a validation takes: as last time; before the first, by the pixels it reads.

        Predicting takes about half as long as learning from as many pixels.
        """
        if self._validation_cost is not None:
            return self._validation_cost
        learnt = self.batch * math.prod(self.geometry.input_size(self.tile))
        return 0.5 * step * work(self.data, self.geometry.halo) / learnt

    def _try_step(self) -> float | None:
        """The loss of one step, or None when memory ran out.

        Out of the except clause nothing holds on to the tensors of the attempt any more.
        """
        try:
            return self._step()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._fault = traceback.format_exc()
        return None

    def _step(self) -> float:
        torch.manual_seed(_mix(self.seed, self.step))  # dropout
        batch = draw_batch(
            self.data,
            self.preset.at(self.step),
            batch=self.batch,
            output=self.tile,
            border=self.geometry.border,
            balance=self._balance,
            generator=torch.Generator().manual_seed(_mix(self.seed + 1, self.step)),
            device=self.device,
        )
        return self.learner.learn(batch)

    def _roll_back(self, snapshot: dict[str, Any]) -> None:
        self.learner.load(**snapshot)
        self.rate_factor /= 2
        # Other draws than those that led here; still a function of what happened, so repeatable.
        self.seed += 1
        del self.losses[self.step :]

    def _previews(self) -> Iterator[Event]:
        requests, self._requests = self._requests, []
        for name, index, box in requests:
            if not self.data.knows(name):  # removed in the meantime
                continue
            clock = time.perf_counter()
            read, shape = self.data.reader(name, index), self.data.image(name).spatial_shape
            box = tuple((max(a, 0), min(b, n)) for (a, b), n in zip(box, shape, strict=True))
            if any(a >= b for a, b in box):
                continue
            probability = self.predictor().region(read, shape, box)
            self.seconds += time.perf_counter() - clock
            yield Preview(name, index, box, self.step, probability)

    # ------------------------------------------------------------ parts

    def _shrink(self) -> bool:
        """Halve the batch, then the tile; False when nothing is left to halve."""
        self.learner.optimiser.zero_grad(set_to_none=True)
        free_memory(self.device)
        smaller = smaller_tile(self.geometry, self.tile)
        if self.batch > 1:
            self.batch //= 2
        elif smaller != self.tile:
            self.tile = smaller
        else:
            return False
        return True

    def _class_balance(self) -> Tensor:
        balance = self.data.balance(self.classes, self.preset.balance)
        return torch.from_numpy(balance).to(self.device)

    def _held_out(self) -> bool:
        return any(p.held_out is not None and p.held_out.scored for p in self.data.planes.values())

    def _validate(self) -> Validation:
        clock = time.perf_counter()
        scores, pixels = validate(self.data, self.predictor(), self.classes)
        self._validation_cost = time.perf_counter() - clock
        self.seconds += self._validation_cost
        self.validations.append(Validation(self.step, self.seconds, scores, pixels))
        return self.validations[-1]

    # ------------------------------------------------------------ state

    def state(self) -> dict[str, Any]:
        """What :meth:`load_state` needs: {"tensors": tensors by name, "values": JSON-able}."""
        snapshot = self.learner.snapshot()
        values = {
            "step": snapshot["step"],
            "updates": snapshot["updates"],
            "classes": self.classes,
            "seconds": self.seconds,
            "seed": self.seed,
            "rate_factor": self.rate_factor,
            "batch": self.batch,
            "tile": list(self.tile),
            "losses": self.losses[:],
            "validations": validation_values(self.validations),
            "hold_out": hold_out_values(self._hold_out),
        }
        return {"tensors": snapshot["tensors"], "values": values}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was; the data must be there already.

        Raises
        ------
        UserError
            The state belongs to another network.
        """
        values = state["values"]
        if int(values["classes"]) > self.classes:
            self.learner.add_classes(int(values["classes"]))
        self.learner.load(
            state["tensors"], step=int(values["step"]), updates=int(values["updates"])
        )
        self.seconds, self.seed = float(values["seconds"]), int(values["seed"])
        self.rate_factor, self.batch = float(values["rate_factor"]), int(values["batch"])
        self.tile = tuple(int(n) for n in values["tile"])
        self.losses = [float(v) for v in values["losses"]]
        self.validations = validations_from(values["validations"])
        if self._validating:
            self._hold_out |= hold_out_from(values["hold_out"])
            apply_hold_out(self.data, self._hold_out)
            self._balance = self._class_balance()


def _mix(seed: int, step: int) -> int:
    """A seed of its own for every step."""
    return (seed * 1_000_003 + step * 7_919 + 12_345) % (2**63 - 1)
