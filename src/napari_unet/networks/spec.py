"""What is said about a network without building it. Free of torch.

A network has two files: ``networks/<name>.py`` with the layers and, so that nobody needs torch to
ask about it, ``networks/catalogue/<name>.py`` with its :class:`NetworkSpec`: the arguments (checked
before anything is built, shown as a form in the dock, saved in the model file), its sizes, and when
to choose it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from napari_unet.networks.geometry import Geometry, Sizes


class Arguments(BaseModel):
    """Base of the arguments of a network; every network has ``width``, most have ``depth``.

    The defaults are those of the paper.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class FactsAt:
    """Channels, classes and input size for which a network's figures are computed."""

    size: Sizes = (512, 512)
    channels: int = 1
    classes: int = 2
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NetworkSpec:
    """One network: what it is called, when to choose it, and how to make it.

    name
        For commands and files; ``networks/catalogue/<name>.py`` is its file.
    title, paper
        As shown; ``paper`` is an arXiv number or a DOI.
    when
        One honest sentence: when to choose it.
    dims
        Numbers of spatial axes it works in.
    arguments
        Model of its arguments.
    geometry
        From checked arguments and dims to its sizes.
    module
        ``module:Class`` of the layers. The class is called with ``in_channels, out_channels`` and
        with ``dims`` and all arguments as keywords. It maps (B, channel, *spatial) to logits (B,
        class, *spatial). Layers whose size depends on the number of classes have names that begin
        with ``head``. A network with deep supervision also has ``heads(x)``, a list of logits of
        the full size, of which training takes the mean loss. A padded network whose ``forward``
        takes ``margin``, pixels to leave out on all sides (a multiple of the stride; one number
        for each axis where strides differ), need not compute what is cropped from a tile.
    live
        Arguments that replace the defaults in the preset ``live``: those that learn fastest on a
        laptop.
    tiny
        Arguments of a miniature with all its parts, for tests and demonstrations.
    facts_at
        What the figures hold for.
    takes_missing
        Whether it can do without some of its channels: those missing from an image reach it as NaN.
    attention
        From checked arguments to the names of the gates whose coefficients the network's method
        ``attention(x)`` returns, a list of (B, 1, *spatial / a power of 2) in 0..1; None for
        networks without gates.
    """

    name: str
    title: str
    paper: str
    when: str
    dims: tuple[int, ...]
    arguments: type[BaseModel]
    geometry: Callable[[Any, int], Geometry]
    module: str
    live: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    facts_at: FactsAt = field(default_factory=FactsAt)
    takes_missing: bool = False
    attention: Callable[[Any], tuple[str, ...]] | None = None
