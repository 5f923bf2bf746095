"""What a resumed training needs, as tensors by name and JSON-able values: never a pickle."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_unet.evaluation.intervals import ScoreInterval
from napari_unet.images.normalise import Normalisation
from napari_unet.training.events import Validation
from napari_unet.training.plane import HeldOut
from napari_unet.training.validation import HoldOut

if TYPE_CHECKING:
    from napari_unet.training.trainer import Trainer
    from napari_unet.training.validator import Validator


def state_of(trainer: Trainer, validator: Validator) -> dict[str, Any]:
    """What :func:`restore` needs: {"tensors": tensors by name, "values": JSON-able}."""
    snapshot = trainer.learner.snapshot()
    values = {
        "step": snapshot["step"],
        "updates": snapshot["updates"],
        "classes": trainer.classes,
        "seconds": trainer.seconds,
        "seed": trainer.seed,
        "rate_factor": trainer.rate_factor,
        "batch": trainer.batch,
        "tile": list(trainer.tile),
        "losses": trainer.losses[:],
        "complete": trainer.data.complete,
        "normalisation": _constants(trainer.data.normalisation),
        "scaler": trainer.learner.scaler.state_dict(),
    } | validator.values()
    return {"tensors": snapshot["tensors"], "values": values}


def restore(trainer: Trainer, validator: Validator, state: dict[str, Any]) -> None:
    """Let a trainer, whose data are there already, go on where ``state`` was.

    Raises
    ------
    UserError
        The state belongs to another network.
    """
    values, learner = state["values"], trainer.learner
    if int(values["classes"]) > trainer.classes:
        learner.add_classes(int(values["classes"]))
    learner.load(state["tensors"], step=int(values["step"]), updates=int(values["updates"]))
    trainer.seconds, trainer.seed = float(values["seconds"]), int(values["seed"])
    trainer.rate_factor = float(values["rate_factor"])
    trainer.pieces.batch = int(values["batch"])
    trainer.pieces.tile = tuple(int(n) for n in values["tile"])
    trainer.losses = [float(v) for v in values["losses"]]
    if learner.scaler.is_enabled() and values.get("scaler"):
        learner.scaler.load_state_dict(values["scaler"])
    known = values.get("normalisation")
    if known is not None:  # older files lack it
        low, high = tuple(known["low"]), tuple(known["high"])
        trainer.data.go_on_with(Normalisation(known["method"], low, high))
    validator.load(values)


def _constants(normalisation: Normalisation) -> dict[str, Any]:
    low, high = list(normalisation.low), list(normalisation.high)
    return {"method": normalisation.method, "low": low, "high": high}


def optimiser_tensors(optimiser: Any) -> dict[str, Tensor]:
    """Moments and momenta, named ``optimiser.<parameter number>.<what>``."""
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    return {
        f"optimiser.{number}.{name}": torch.as_tensor(value).detach().cpu()
        for number, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def load_optimiser(optimiser: Any, tensors: dict[str, Tensor]) -> None:
    """The inverse; entries whose shape no longer fits start anew."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimiser":
            number, _, name = rest.partition(".")
            state.setdefault(int(number), {})[name] = value
    kept = {
        number: entries
        for number, entries in state.items()
        if number < len(parameters)
        and all(v.dim() == 0 or v.shape == parameters[number].shape for v in entries.values())
    }
    optimiser.load_state_dict(
        {"state": kept, "param_groups": optimiser.state_dict()["param_groups"]}
    )


def copy_overlap(source: dict[str, Tensor], network: nn.Module) -> list[str]:
    """Copy weights into ``network``; of a tensor with other leading sizes, the part that fits.

    So a head gains classes without losing those it has. Names of tensors that were not found or
    have another rank are returned; they keep what they had.
    """
    left = []
    with torch.no_grad():
        for name, target in network.state_dict().items():
            value = source.get(name)
            if value is None or value.dim() != target.dim():
                left.append(name)
                continue
            part = tuple(
                slice(0, min(a, b)) for a, b in zip(value.shape, target.shape, strict=True)
            )
            target[part] = value[part].to(target)
    return left


def hold_out_values(plan: HoldOut) -> list[list[Any]]:
    """JSON-able: [image, leading index, None or [box, scored]] by plane."""
    return [
        [name, list(index), held and [[list(side) for side in held.box], held.scored]]
        for (name, index), held in plan.items()
    ]


def hold_out_from(values: list[list[Any]]) -> HoldOut:
    """The inverse of :func:`hold_out_values`."""
    return {
        (str(name), tuple(index)): held
        and HeldOut(tuple((int(a), int(b)) for a, b in held[0]), bool(held[1]))
        for name, index, held in values
    }


def validation_values(validations: list[Validation]) -> list[list[Any]]:
    """JSON-able: [step, seconds, IoU by class, pixels, what else is known]."""
    return [
        [
            v.step,
            v.seconds,
            list(v.iou),
            v.pixels,
            {
                "interval": None if v.interval is None else asdict(v.interval),
                "labelled": v.labelled,
                "objects": v.objects,
            },
        ]
        for v in validations
    ]


def validations_from(values: list[list[Any]]) -> list[Validation]:
    """The inverse of :func:`validation_values`; older files say nothing beyond the pixels."""
    found = []
    for step, seconds, scores, pixels, *rest in values:
        more = rest[0] if rest else {}
        interval = more.get("interval")
        found.append(
            Validation(
                int(step),
                float(seconds),
                tuple(scores),
                int(pixels),
                None if interval is None else ScoreInterval(**interval),
                int(more.get("labelled", 0)),
                int(more.get("objects", 0)),
            )
        )
    return found
