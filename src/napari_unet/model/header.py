"""What a model file says about itself: ``model.json``. Free of torch.

Everything that predicting needs to know lives here (network and its arguments, channels, axes,
classes, normalisation, pixel size), so that it is never guessed, and beside it what a person wants
to know later: the settings, the course of the training, the images and the package versions.
"""

from __future__ import annotations

from typing import Any, Literal, Self, cast

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from napari_unet.annotations.kinds import MAX_CLASSES, LabelKind
from napari_unet.errors import UserError
from napari_unet.images.normalise import Normalisation
from napari_unet.networks import registry

SCHEMA_VERSION = 1

# Okabe and Ito's colours, told apart by colour-blind people too; the background comes first.
_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#999999")


class Part(BaseModel):
    """A frozen part of the header that knows all its fields and holds finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ClassDescription(Part):
    """Name and colour (``#rrggbb``) of one class; class 0 is the background."""

    name: str = Field(min_length=1, max_length=200)
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")


class NormalisationConstants(Part):
    """Grey values by channel that become -1 (``low``) and 1 (``high``).

    With ``image`` each image is scaled by its own percentiles; the constants are then only those
    of the training images.
    """

    method: Literal["training", "image"]
    low: tuple[float, ...]
    high: tuple[float, ...]


class ValidationPoint(Part):
    """Intersection over union by class on held-out regions; None = class absent there."""

    step: int = Field(ge=0)
    seconds: float = Field(ge=0)
    iou: tuple[float | None, ...]


class History(Part):
    """The course of the training: ``losses`` holds (step, loss), thinned to a few hundred."""

    steps: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    losses: tuple[tuple[int, float], ...] = ()
    validation: tuple[ValidationPoint, ...] = ()


class ImageRecord(Part):
    """One training image; ``sha256`` of its file, or of its array where there is no file."""

    name: str
    sha256: str | None = None


class Provenance(Part):
    """Where the model comes from. ``start``: 'random', 'general' or the model it was tuned from."""

    created: str = ""
    images: tuple[ImageRecord, ...] = ()
    packages: dict[str, str] = Field(default_factory=dict)
    device: str = ""
    precision: str = ""
    seed: int | None = None
    start: str = "random"


class Header(Part):
    """The content of ``model.json``.

    ``axes`` are those of the training images (letters of ``tzcyx``), ``dims`` says how many of
    them are spatial, ``spacing`` is the pixel size by spatial axis. ``preset`` holds all settings
    of the training. How objects are made of probabilities: those below ``min_object_size`` pixels
    are dropped, touching ones are cut with ``split_depth`` pixels (0 = never), holes of at most
    ``largest_hole`` pixels are filled.
    """

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    network: str
    arguments: dict[str, JsonValue]
    dims: Literal[2, 3]
    in_channels: int = Field(ge=1, le=4096)
    classes: tuple[ClassDescription, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    label_kind: LabelKind
    axes: str = Field(pattern=r"^[tzcyx]{2,5}$")
    spacing: tuple[float, ...] | None = None
    normalisation: NormalisationConstants
    preset: dict[str, JsonValue] = Field(default_factory=dict)
    min_object_size: int = Field(default=0, ge=0)
    split_depth: float = Field(default=0.0, ge=0)
    largest_hole: int = Field(default=0, ge=0)
    history: History = History()
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.axes)) < len(self.axes) or not set("yx") <= set(self.axes):
            raise ValueError(f"axes: {self.axes!r} must name y and x, and each axis once")
        if self.dims == 3 and "z" not in self.axes:
            raise ValueError(f"axes: {self.axes!r} has no z, but dims is 3")
        if self.in_channels > 1 and "c" not in self.axes:
            raise ValueError(f"axes: {self.axes!r} has no c, but in_channels is {self.in_channels}")
        for name in ("low", "high"):
            if len(getattr(self.normalisation, name)) != self.in_channels:
                raise ValueError(f"normalisation.{name}: needs one number per channel")
        if self.spacing is not None and (len(self.spacing) != self.dims or min(self.spacing) <= 0):
            raise ValueError(f"spacing: needs {self.dims} positive numbers")
        return self

    @property
    def spatial_axes(self) -> str:
        """``yx`` or ``zyx``: as the network sees images, whatever the order of ``axes``."""
        return "zyx"[-self.dims :]

    @property
    def rotations(self) -> bool:
        """Whether this model averages the eight symmetric views unless told otherwise."""
        return bool(self.preset.get("rotations", False))

    @property
    def second_look(self) -> float:
        """Share of a second look at half the size in what is predicted, 0 to 1; 0 = one look."""
        share = self.preset.get("second_look", 0.0)
        return min(max(float(share), 0.0), 1.0) if isinstance(share, int | float) else 0.0

    @property
    def enlarge(self) -> float:
        """How many times images of smaller objects are enlarged at most, 1 to 2; 1 = never."""
        most = self.preset.get("enlarge", 1.0)
        return min(max(float(most), 1.0), 2.0) if isinstance(most, int | float) else 1.0

    def rule(self) -> Normalisation:
        """How grey values become what the network is fed with.

        Raises
        ------
        UserError
            There is no such network.
        """
        own = self.normalisation
        missing = registry.spec(self.network).takes_missing
        return Normalisation(own.method, own.low, own.high, missing)

    def to_json(self) -> str:
        return self.model_dump_json(indent=1)


def default_classes(n: int) -> tuple[ClassDescription, ...]:
    """Background and ``n - 1`` classes with names and colours of their own."""
    names = ["background", "foreground"] if n == 2 else ["background"]
    names += [f"class {i}" for i in range(len(names), n)]
    return tuple(
        ClassDescription(name=name, color=_COLORS[i % len(_COLORS)]) for i, name in enumerate(names)
    )


def parse_header(text: bytes | str, name: str = "model.json") -> Header:
    """Read ``model.json``; a :class:`UserError` names the field that does not fit."""
    try:
        raw = pydantic_core.from_json(text)
    except ValueError as error:
        raise UserError(f"{name} is damaged: it is not JSON ({error}).") from None
    if not isinstance(raw, dict):
        raise UserError(f"{name} is damaged: it should hold an object with named fields.")
    fields = cast(dict[str, Any], raw)
    version = fields.get("schema_version", 1)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UserError(
            f"{name}: the model was made by a newer version of napari-unet-live (schema version "
            f"{version}, this one reads up to {SCHEMA_VERSION}); update with "
            f"'pip install --upgrade napari-unet-live'."
        )
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"{name}: {_sentence(error)}.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    match first["type"]:
        case "missing":
            return f"{field} is missing"
        case "extra_forbidden":
            return f"{field} is not a field that this version knows"
        case "value_error":
            return str(first["ctx"]["error"])
        case _:
            text = first["msg"]
            return f"{field}: {text[0].lower()}{text[1:]}"
