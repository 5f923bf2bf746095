"""Which channel goes next. Free of torch.

``stamp``
    STAMP, Dinsdale, Jenkinson and Namburete 2022 (Medical Image Analysis 81, 102583): the channel
    whose activation has the smallest L2 norm, divided by the L2 norm of its layer's channels, so
    that layers can be compared. In a wide layer every channel is a small part of the whole: most
    go from there.
``random``
    A random channel of the layer from which ``stamp`` takes one.
``largest``
    A random channel of the layer that has the most, whatever it does.

The last two are those of Lean U-Net (arXiv 2512.03834), which finds them no worse than the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.pruning.wiring import Indices, Wiring

Method = Literal["stamp", "random", "largest"]
METHODS: tuple[str, ...] = get_args(Method)

Norms = Sequence[npt.NDArray[np.float64]]
"""Of each layer, the L2 norm of the activation of each channel."""


def check_method(name: str) -> Method:
    """``name`` if there is such a method, else :class:`UserError`."""
    for known in get_args(Method):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise UserError(f"There is no method {name!r} of pruning; choose from {', '.join(METHODS)}.")


def choose(
    wiring: Wiring,
    norms: Norms,
    method: Method,
    target: int,
    generator: np.random.Generator,
) -> list[Indices]:
    """The channels of each layer that stay when at most ``target`` parameters may.

    Channels go one by one, each after a look at what is then left; a layer keeps at least one.

    Raises
    ------
    UserError
        ``target`` is less than the network has with one channel in each layer.
    """
    if target < wiring.least():
        raise UserError(
            f"With one channel left in each layer the network still has {wiring.least():,} "
            f"parameters: prune to that many or more."
        )
    kept = [np.arange(len(n)) for n in norms]
    while wiring.parameters([len(k) for k in kept]) > target:
        layer, place = _next(kept, norms, method, generator)
        kept[layer] = np.delete(kept[layer], place)
    return kept


def _next(
    kept: list[Indices], norms: Norms, method: Method, generator: np.random.Generator
) -> tuple[int, int]:
    """The layer that loses a channel, and which of those that it still has."""
    if method == "largest":
        layer = int(np.argmax([len(k) for k in kept]))
        return layer, int(generator.integers(len(kept[layer])))
    best = (np.inf, 0, 0)
    for number, (own, norm) in enumerate(zip(kept, norms, strict=True)):
        if len(own) > 1:
            left = norm[own]
            place = int(np.argmin(left))
            whole = float(np.linalg.norm(left))
            best = min(best, (float(left[place]) / whole if whole else 0.0, number, place))
    _, layer, place = best
    if method == "random":
        place = int(generator.integers(len(kept[layer])))
    return layer, place
