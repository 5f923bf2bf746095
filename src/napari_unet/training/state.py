"""What a resumed training needs, as tensors by name and JSON-able values: never a pickle."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from napari_unet.evaluation.intervals import ScoreInterval
from napari_unet.training.data import HeldOut
from napari_unet.training.events import Validation
from napari_unet.training.validation import HoldOut


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
