"""Recipes: every number of a training, checked, saved with the model. Free of torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unet.errors import UserError
from napari_unet.networks import registry


class Preset(BaseModel):
    """One recipe. Lengths are in pixels of the image."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = "live"
    network: str = "unet"
    arguments: dict[str, Any] = Field(default_factory=dict)

    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(3e-3, gt=0, le=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(1e-2, ge=0, lt=1)
    warm_up: int = Field(2, ge=0, description="steps over which the rate rises")
    hold: float = Field(0.3, ge=0, le=1, description="part of a limited run before the rate falls")
    batch: int = Field(4, ge=1, le=256)
    tile: int = Field(
        192, ge=16, le=4096, description="side of what the network predicts in a step"
    )
    voxel: tuple[float, ...] = Field(
        (), description="size of a pixel by axis, in that of the smallest; empty = all alike"
    )

    rare: float = Field(
        0.5, ge=0, le=1, description="part of the pieces placed around a class that is drawn evenly"
    )
    elastic_sd: float = Field(
        4.0, ge=0, description="sd of the grid's displacements, pixels (the shortest)"
    )
    elastic_points: int = Field(3, ge=2, le=16, description="points of the grid along each axis")
    rotation: Literal["free", "quarter", "none"] = Field(
        "quarter", description="any angle, quarter turns (nothing is blurred), or none"
    )
    turned: float = Field(1.0, ge=0, le=1, description="part of the pieces that are rotated")
    mirror: bool = True
    scale: float = Field(0.2, ge=0, le=1, description="zoom by up to exp(+-scale)")
    contrast: float = Field(0.3, ge=0, le=1)
    brightness: float = Field(0.25, ge=0, le=2)
    gamma: float = Field(0.4, ge=0, le=2, description="exponent up to exp(+-gamma)")
    shading: float = Field(0.3, ge=0, le=2, description="uneven light: factors of exp(+-shading)")
    sharpness: float = Field(
        0.5, ge=0, le=2, description="finest detail, of a pixel or so: factors of exp(+-sharpness)"
    )
    noise: float = Field(0.1, ge=0, le=1, description="sd of Gaussian noise, up to")
    ramp: int = Field(
        0,
        ge=0,
        description="steps over which deformation, rotation and zoom grow to full strength",
    )

    w0: float = Field(10.0, ge=0, description="height of the boundary weight map")
    sigma: float = Field(5.0, gt=0, description="width of the boundary weight map, pixels")
    balance: float = Field(0.35, ge=0, le=1, description="0 none, 1 full inverse frequency")
    shares: Literal["labels", "image"] = Field(
        "image",
        description="how common a class is: as in the labels, or, with strokes, as in the images",
    )
    dice: float = Field(1.0, ge=0, description="weight of the Dice loss beside the cross-entropy")
    rotations: bool = Field(
        False, description="whether its models average the eight symmetric views when they predict"
    )
    second_look: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of a second look at half the size in what its models predict (planes)",
    )
    enlarge: float = Field(
        1.0,
        ge=1,
        le=2,
        description="images whose objects are smaller than those that were trained on are "
        "enlarged up to so many times before they are predicted (planes)",
    )
    averaging: float = Field(0.98, ge=0, lt=1, description="decay of the averaged weights, at most")

    def at(self, step: int) -> Preset:
        """The recipe as it is at a step: easy pieces first, so that the first answers come soon."""
        grown = min(1.0, (step + 1) / self.ramp) if self.ramp else 1.0
        return self.model_copy(
            update={
                "elastic_sd": self.elastic_sd * grown,
                "scale": self.scale * grown,
                "turned": self.turned * grown,
            }
        )


SETTINGS = tuple(sorted(Preset.model_fields.keys() - {"name", "network"}))
"""What of a recipe may be changed by name."""

_LIVE = Preset(name="live", arguments=dict(registry.spec("unet").live), second_look=0.3)
# The recipe of the paper. It gives no learning rate; 1e-3 with momentum 0.99 is what its successors
# use with a loss averaged over pixels.
_PAPER = Preset(
    name="paper2015",
    arguments={"width": 64, "depth": 4, "padding": "valid", "norm": "none", "dropout": 0.5},
    optimiser="sgd",
    learning_rate=1e-3,
    momentum=0.99,
    weight_decay=0.0,
    warm_up=0,
    hold=1.0,
    batch=1,
    tile=388,
    elastic_sd=10.0,
    rotation="free",
    scale=0.0,
    gamma=0.0,
    shading=0.0,
    sharpness=0.0,
    balance=1.0,
    shares="labels",
    dice=0.0,
    averaging=0.0,
)
# From a handful of thin strokes a network with the usual reach learns by heart what lies around
# them; one that sees 47 pixels cannot. What it is unsure of depends on how the texture happens to
# lie, so the mean of eight views is far better than one, and this network is fast enough for it.
_STROKES = Preset(
    name="strokes",
    arguments={"width": 16, "depth": 2, "padding": "same", "norm": "batch", "dropout": 0.0},
    tile=128,
    batch=8,
    noise=0.2,
    shading=0.0,
    sharpness=0.0,
    ramp=600,
    rotations=True,
)
_PRESETS = {p.name: p for p in (_LIVE, _STROKES, _PAPER)}
# Objects come in many sizes, within an image and from one microscope to the next. The thickness of
# a membrane is always about the same, and a network that may forget it finds fewer of them
# (docs/benchmarks.md, "How much pieces are zoomed"). A second look closes gaps in membranes, and
# finds no more objects ("A second look at half the size"). What helps there is to enlarge images
# whose objects are smaller ("Objects smaller than those that were trained on").
_FOR_OBJECTS: dict[str, dict[str, Any]] = {
    "live": {"scale": 0.6, "second_look": 0.0, "enlarge": 2.0}
}

WHEN = {
    "live": "Learns fastest here: a small padded U-Net with batch normalisation. The default.",
    "strokes": "For a handful of thin strokes in a textured image: a shallow network that looks no "
    "farther than 23 pixels, trained on many small pieces; it predicts the mean of eight views of "
    "the image. With more labels, live is better.",
    "paper2015": "The recipe of Ronneberger et al. 2015: 31 million parameters, SGD with momentum "
    "0.99, one large tile a step. Slow without a GPU.",
}


def presets() -> dict[str, Preset]:
    """All recipes by name."""
    return dict(_PRESETS)


def preset(name: str = "live", *, objects: bool = False, **overrides: Any) -> Preset:
    """The recipe ``name`` with some of its fields replaced.

    ``objects``: as it is where ids of objects are labelled, in planes.

    ``network`` and ``arguments`` replace those of the recipe; a network other than the recipe's
    starts from what its own entry in the catalogue says: in ``paper2015`` from the defaults of its
    paper, else from what learns fastest on a laptop.

    Raises
    ------
    UserError
        Unknown recipe or field, or a value out of range.
    """
    if name not in _PRESETS:
        raise UserError(f"There is no preset {name!r}; choose one of {', '.join(_PRESETS)}.")
    base = _PRESETS[name].model_dump()
    if objects:
        base |= _FOR_OBJECTS.get(name, {})
    chosen = overrides.get("network", base["network"])
    if chosen != base["network"]:
        base["arguments"] = {} if name == "paper2015" else dict(registry.spec(chosen).live)
    if base["arguments"] and "arguments" in overrides:
        overrides["arguments"] = base["arguments"] | dict(overrides["arguments"])
    try:
        return Preset.model_validate(base | overrides)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise no_such_setting(where) from error
        raise UserError(f"The training setting {where!r} does not fit: {first['msg']}.") from error


def no_such_setting(name: str) -> UserError:
    """What to say of a setting that there is not."""
    return UserError(f"There is no training setting {name!r}; choose from {', '.join(SETTINGS)}.")
