"""What comes out of looking, trying and choosing. Free of torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from napari_unet.advice.choosing import Advice
from napari_unet.advice.features import Features
from napari_unet.advice.limits import Limits
from napari_unet.advice.trial import Candidate
from napari_unet.networks import registry
from napari_unet.training.presets import preset

PRESET = "live"
"""The recipe that the advice changes."""


@dataclass(frozen=True)
class Trying:
    """Candidate ``number`` of ``total`` is being tried."""

    number: int
    total: int
    candidate: Candidate


@dataclass(frozen=True)
class Advised:
    """Choices, the best first, and what they rest on."""

    features: Features
    limits: Limits
    choices: tuple[Advice, ...]
    plainly: str
    device: str
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For programs; seconds, bytes and pixels."""
        return {
            "features": asdict(self.features),
            "limits": asdict(self.limits),
            "device": self.device,
            "plainly": self.plainly,
            "choices": [_choice(one) for one in self.choices],
        }


def name_of(candidate: Candidate) -> str:
    """The network with what it is known by: ``unet (width 16, depth 4)``."""
    arguments = candidate.arguments
    parts = [f"{key} {arguments[key]}" for key in ("width", "depth") if key in arguments]
    return f"{candidate.network}" + (f" ({', '.join(parts)})" if parts else "")


def changes(one: Advice) -> dict[str, Any]:
    """What a choice changes in the recipe ``live`` with its network: arguments, tile, batch, sigma.

    Empty where the recipe is the choice.
    """
    candidate, usual = one.candidate, preset(PRESET)
    own = registry.check_arguments(candidate.network, registry.spec(candidate.network).live)
    default = own.model_dump(mode="json")
    found: dict[str, Any] = {}
    if default != candidate.arguments:
        found["arguments"] = {k: v for k, v in candidate.arguments.items() if default.get(k) != v}
    if candidate.tile != usual.tile:
        found["tile"] = candidate.tile
    if candidate.batch != usual.batch:
        found["batch"] = candidate.batch
    if one.sigma is not None and one.sigma != usual.sigma:
        found["sigma"] = one.sigma
    return found


def _choice(one: Advice) -> dict[str, Any]:
    measured = one.trial.measured
    return {
        "rank": one.rank,
        "network": one.candidate.network,
        "arguments": one.candidate.arguments,
        "width": one.candidate.arguments.get("width"),
        "patch": one.candidate.tile,
        "batch": one.candidate.batch,
        "sigma": one.sigma,
        "within_limits": not one.misses,
        "misses": one.misses,
        "step_seconds": measured.step_seconds if measured else None,
        "image_seconds": measured.image_seconds if measured else None,
        "memory": measured.memory if measured else None,
        "why": one.why,
    }
