"""What is written down of a comparison: its settings, and the result of each run. Free of torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_unet.annotations.kinds import LabelKind

Values = dict[str, float | None]
"""Metric -> value; None where it is undefined."""


class Record(BaseModel):
    """Base of all records: what is unknown is refused, so that a damaged file is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Record):
    """All that the runs of one comparison have in common.

    ``images`` and ``transfer`` hold a fingerprint of image and labels by name; ``recipe`` the
    fields of the preset without the network; ``budget`` seconds of training.
    """

    version: Literal[1] = 1
    images: dict[str, str]
    transfer: dict[str, str] = Field(default_factory=dict)
    kind: LabelKind
    classes: int
    channels: int
    dims: int
    folds: int
    budget: float | None
    steps: int | None
    recipe: dict[str, Any]
    start: Literal["random", "general"]
    seed: int
    device: str
    precision: str


class Scored(Record):
    """One image: its scores, and the seconds that its prediction took."""

    name: str
    values: Values
    seconds: float


class RunResult(Record):
    """One network, trained on all folds but one.

    ``macs`` (multiply-adds) and ``frames_per_second`` are of one input of ``input_size`` pixels,
    batch 1; ``failed`` says why there is nothing else. ``fold`` counts from 1.
    """

    network: str
    fold: int
    arguments: dict[str, Any]
    failed: str = ""
    start: str = "random"
    parameters: int = 0
    macs: int = 0
    input_size: tuple[int, ...] = ()
    frames_per_second: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    batch: int = 0
    tile: tuple[int, ...] = ()
    test: tuple[Scored, ...] = ()
    transfer: tuple[Scored, ...] = ()
    notes: tuple[str, ...] = ()
    device_name: str = ""
    threads: int = 0
    created: str = ""
    packages: dict[str, str] = Field(default_factory=dict)


WORDS = {
    "images": "the images or labels",
    "transfer": "the images or labels of --transfer",
    "kind": "the kind of the labels",
    "classes": "the number of classes",
    "recipe": "the preset",
    "budget": "the budget",
    "steps": "the number of steps",
    "folds": "the number of folds",
}


def differences(old: Settings, new: Settings) -> list[str]:
    """What differs, in words: "the budget was 30.0, now 60.0"; empty where nothing does."""
    found = []
    for field in Settings.model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        words = WORDS.get(field, field)
        if isinstance(before, dict):
            plural = "are" if field in ("images", "transfer") else "is"
            found.append(f"{words} {plural} not the same")
        else:
            found.append(f"{words} was {_shown(before)}, now {_shown(after)}")
    return found


def _shown(value: Any) -> str:
    return (
        "not given" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    )
