"""The networks one can choose, with their arguments, sizes and facts. Free of torch.

A network is one row of the table below: its file holds the layers, its pydantic model the
arguments (checked before anything is built, shown as a form in the dock, saved in the model file),
its geometry what it does to sizes. ``facts.json`` holds its figures, which
``scripts/make_network_facts.py`` writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unet.errors import UserError
from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry

if TYPE_CHECKING:
    from torch import nn


class UNetArguments(BaseModel):
    """Arguments of ``unet``; the defaults are those of 2015."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(64, ge=1, le=1024, description="channels at full resolution")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    padding: Literal["valid", "same"] = "valid"
    norm: Literal["none", "batch"] = "none"
    dropout: float = Field(0.5, ge=0, lt=1)


class LUNetArguments(BaseModel):
    """Arguments of ``lunet``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(16, ge=1, le=1024, description="channels at every level")
    depth: int = Field(4, ge=1, le=7, description="number of poolings")
    padding: Literal["valid", "same"] = "same"
    norm: Literal["none", "batch"] = "batch"


@dataclass(frozen=True)
class NetworkSpec:
    """One network: what it is called, when to choose it, and how to make it."""

    name: str
    title: str
    paper: str
    when: str
    dims: tuple[int, ...]
    arguments: type[BaseModel]
    geometry: Callable[[BaseModel, int], Geometry]
    module: str


def _u_geometry(arguments: BaseModel, dims: int) -> Geometry:
    a = cast("UNetArguments | LUNetArguments", arguments)
    return encoder_decoder_geometry(a.depth, dims, padded=a.padding == "same")


_NETWORKS = {
    spec.name: spec
    for spec in (
        NetworkSpec(
            name="unet",
            title="U-Net (2015)",
            paper="arXiv:1505.04597",
            when="The first choice; as published it is large, with width 16, same padding and "
            "batch normalisation it learns in seconds.",
            dims=(2, 3),
            arguments=UNetArguments,
            geometry=_u_geometry,
            module="napari_unet.networks.unet:UNet",
        ),
        NetworkSpec(
            name="lunet",
            title="LUnet (flat U-Net)",
            paper="arXiv:2512.03834",
            when="When the model must be small, or the images are few and in 3D; it saves "
            "parameters rather than time.",
            dims=(2, 3),
            arguments=LUNetArguments,
            geometry=_u_geometry,
            module="napari_unet.networks.lunet:LUNet",
        ),
    )
}


def names() -> list[str]:
    """Names of all networks, in the order in which they are shown."""
    return list(_NETWORKS)


def spec(name: str) -> NetworkSpec:
    """The network called ``name``; :class:`UserError` lists the known ones."""
    if name not in _NETWORKS:
        raise UserError(f"There is no network {name!r}; choose one of {', '.join(names())}.")
    return _NETWORKS[name]


def check_arguments(name: str, arguments: Mapping[str, Any], dims: int = 2) -> BaseModel:
    """All arguments of a network, defaults filled in; :class:`UserError` names a misfit."""
    chosen = spec(name)
    if dims not in chosen.dims:
        raise UserError(
            f"The network {name!r} works in {' and '.join(f'{d}D' for d in chosen.dims)}, "
            f"not in {dims}D."
        )
    try:
        return chosen.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(chosen.arguments.model_fields)
            message = f"The network {name!r} has no argument {field!r}; it has {known}."
        else:
            message = (
                f"The argument {field!r} of network {name!r} cannot be {first['input']!r}: "
                f"{first['msg']}."
            )
        raise UserError(message) from None


def geometry(name: str, arguments: Mapping[str, Any], dims: int = 2) -> Geometry:
    """Sizes of the network with these arguments."""
    return spec(name).geometry(check_arguments(name, arguments, dims), dims)


def build(
    name: str, *, dims: int, in_channels: int, out_channels: int, arguments: Mapping[str, Any]
) -> nn.Module:
    """The network, He-initialised from torch's random state: (B, C, *spatial) -> logits.

    ``out_channels`` counts the classes, background included. Imports torch.
    """
    checked = check_arguments(name, arguments, dims)
    for what, n in (("in_channels", in_channels), ("out_channels", out_channels)):
        if n < 1:
            raise UserError(f"A network needs at least one channel: {what} is {n}.")
    module, _, attribute = spec(name).module.partition(":")
    network = getattr(import_module(module), attribute)
    return cast("nn.Module", network(in_channels, out_channels, dims=dims, **checked.model_dump()))


@cache
def _table() -> list[dict[str, Any]]:
    text = resources.files("napari_unet.networks").joinpath("facts.json").read_text("utf-8")
    return cast(list[dict[str, Any]], json.loads(text))


def facts(name: str | None = None) -> list[dict[str, Any]]:
    """Figures of one network or of all, as ``napari-unet networks --json`` prints them.

    ``macs`` are multiply-adds of all convolutions for one image; ``receptive_field``, ``stride``
    and ``sizes`` (smallest input, the output it gives, step between sizes) are by axis; ``at`` says
    for which channels, classes, input size and width the figures hold.
    """
    if name is not None:
        spec(name)
    return [dict(row) for row in _table() if name in (None, row["name"])]
