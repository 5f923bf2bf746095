"""The networks one can choose, with their arguments, sizes and facts. Free of torch.

The built-in ones stand in ``networks/catalogue``; installed packages add their own by the entry
point group ``napari_unet.networks`` (see docs/own-networks.md). ``facts.json`` holds the figures of
the built-in ones, which ``scripts/make_network_facts.py`` writes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from importlib import import_module, resources
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from napari_unet.errors import UserError
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.geometry import Geometry
from napari_unet.networks.spec import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

GROUP = "napari_unet.networks"
"""Entry points of this group name a :class:`NetworkSpec` or a function that returns several."""

_log = logging.getLogger(__name__)


@cache
def _networks() -> dict[str, NetworkSpec]:
    found = {one.name: one for one in BUILT_IN}
    for entry in entry_points(group=GROUP):
        try:
            loaded = entry.load()
            for one in [loaded] if isinstance(loaded, NetworkSpec) else loaded():
                found.setdefault(one.name, one)
        except Exception:  # a package that is broken must not take the others with it
            _log.exception("The networks of %s (%s) cannot be loaded.", entry.name, entry.value)
    return found


def names() -> list[str]:
    """Names of all networks, in the order in which they are shown."""
    return list(_networks())


def spec(name: str) -> NetworkSpec:
    """The network called ``name``; :class:`UserError` lists the known ones."""
    known = _networks()
    if name not in known:
        raise UserError(f"There is no network {name!r}; choose one of {', '.join(names())}.")
    return known[name]


def check_arguments(name: str, arguments: Mapping[str, Any], dims: int = 2) -> BaseModel:
    """All arguments of a network, defaults filled in; :class:`UserError` names a misfit."""
    chosen = spec(name)
    if dims not in chosen.dims:
        raise UserError(
            f"The network {name!r} works in {' and '.join(f'{d}D' for d in chosen.dims)}, "
            f"not in {dims}D."
        )
    try:
        checked = chosen.arguments.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(chosen.arguments.model_fields)
            message = f"The network {name!r} has no argument {field!r}; it has {known}."
        else:
            # What several arguments must agree on is a fault of none in particular.
            which = f"argument {field!r} of network {name!r} cannot be {first['input']!r}"
            message = (
                f"The {which if field else f'arguments of network {name!r} do not fit'}: "
                f"{first['msg'].removeprefix('Value error, ')}."
            )
        raise UserError(message) from None
    pooling = getattr(checked, "pooling", None)
    if pooling and len(pooling[0]) != dims:
        raise UserError(
            f"The argument 'pooling' of network {name!r} has {len(pooling[0])} factors a level, "
            f"but the images have {dims} spatial axes."
        )
    return checked


def geometry(name: str, arguments: Mapping[str, Any], dims: int = 2) -> Geometry:
    """Sizes of the network with these arguments."""
    return spec(name).geometry(check_arguments(name, arguments, dims), dims)


def attention_names(name: str, arguments: Mapping[str, Any], dims: int = 2) -> tuple[str, ...]:
    """Names of the attention gates of a network, finest first; empty where it has none."""
    known = spec(name).attention
    return () if known is None else known(check_arguments(name, arguments, dims))


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


def describe(name: str) -> dict[str, Any]:
    """What the facts say of a network without building it; what needs torch is None."""
    chosen = spec(name)
    at = chosen.facts_at
    fits = len(at.size) in chosen.dims  # else nobody said at what size, and it is for volumes only
    dims = len(at.size) if fits else chosen.dims[0]
    arguments = check_arguments(name, at.arguments, dims)
    sizes = chosen.geometry(arguments, dims)
    return {
        "name": name,
        "title": chosen.title,
        "paper": chosen.paper,
        "when": chosen.when,
        "dims": list(chosen.dims),
        "parameters": None,
        "macs": None,
        "step_memory": None,
        "receptive_field": list(sizes.receptive_field),
        "stride": list(sizes.stride),
        "sizes": {
            "input": list(sizes.input_size(sizes.base)),
            "output": list(sizes.base),
            "step": list(sizes.stride),
        },
        "tile_exact": sizes.tile_exact,
        "recipes": [],
        "at": {
            "channels": at.channels,
            "classes": at.classes,
            "size": list(at.size) if fits else None,
            **arguments.model_dump(mode="json"),
        },
    }


def facts(name: str | None = None) -> list[dict[str, Any]]:
    """Figures of one network or of all, as ``napari-unet networks --json`` prints them.

    ``macs`` are multiply-adds of all convolutions for one image; ``receptive_field``, ``stride``
    and ``sizes`` (smallest input, the output it gives, step between sizes) are by axis; ``at`` says
    for which channels, classes, input size and width the figures hold; ``recipes`` has the
    parameters with which each recipe trains it. Of networks that other packages add,
    ``parameters``, ``macs`` and ``step_memory`` are None and ``recipes`` is empty: finding them out
    takes torch.
    """
    if name is not None:
        spec(name)
    table = {row["name"]: row for row in _table()}
    wanted = names() if name is None else [name]
    return [dict(table[one]) if one in table else describe(one) for one in wanted]


def parameters_in(recipe: str, name: str, dims: int) -> int | None:
    """Parameters (1 channel, 2 classes) of a network as ``recipe`` trains it; None: not known."""
    # Not through `describe`: the list must open whatever a network of another package does.
    rows = (row["recipes"] for row in _table() if row["name"] == name)
    known = {(one["recipe"], one["dims"]): one["parameters"] for one in next(rows, [])}
    return known.get((recipe, dims))
