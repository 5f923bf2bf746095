"""The pieces of an image that an exported network can be given, and what of its output is good.

Programs that run exported models cut images into pieces of their own. They need to know which sizes
fit, how much smaller the output is, and how much of its rim to throw away. Free of torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_unet.networks.geometry import Geometry, Sizes
from napari_unet.prediction.blending import USUAL_WINDOW, window_side


@dataclass(frozen=True)
class PieceSizes:
    """By spatial axis, in pixels; inputs are ``least + k * step``, or ``fixed`` only.

    The output is smaller than the input by ``border`` on each side; of it, ``halo`` on each side
    still depends on pixels outside of the piece, and is to be cut off.
    """

    least: Sizes
    step: Sizes
    border: Sizes
    halo: Sizes
    fixed: Sizes | None = None

    def examples(self) -> list[Sizes]:
        """Inputs to export and to test with; all sides differ, where they can."""
        if self.fixed is not None:
            return [self.fixed]
        return [
            tuple(
                n + (k + i) * s for i, (n, s) in enumerate(zip(self.least, self.step, strict=True))
            )
            for k in (1, 3)
        ]

    def only(self, size: Sizes) -> PieceSizes:
        """The same for a graph that was made for inputs of one size."""
        return PieceSizes(self.least, self.step, self.border, self.halo, size)

    def describe(self) -> str:
        """For example ``an input of 188 + k * 16 pixels a side``."""
        if self.fixed is not None:
            return f"an input of {' x '.join(map(str, self.fixed))} pixels"
        sides = {f"{n} + k * {s}" for n, s in zip(self.least, self.step, strict=True)}
        if len(sides) == 1:
            return f"an input of {sides.pop()} pixels a side"
        each = (f"({n} + k * {s})" for n, s in zip(self.least, self.step, strict=True))
        return f"an input of {' x '.join(each)} pixels"


def piece_sizes(geometry: Geometry) -> PieceSizes:
    """What the network can be given.

    For a network that is not tile-exact no halo is enough. It is given its favourite window or at
    least the usual one, and an eighth of that is cut off on each side, where it sees least.
    """
    border, step = geometry.border, geometry.stride
    fixed: Sizes | None = None
    if geometry.tile_exact:
        halo = geometry.halo if geometry.padded else (0,) * len(step)
        least = tuple(
            2 * h + s if h else b for h, s, b in zip(halo, step, geometry.base, strict=True)
        )
    else:
        usual = (USUAL_WINDOW[len(step)] // 2,) * len(step)
        least = window_side(usual, geometry)
        halo = tuple(-(-n // 8 // s) * s for n, s in zip(least, step, strict=True))
        halo = tuple(h if 2 * h < n else 0 for h, n in zip(halo, least, strict=True))
        if geometry.window is not None:
            fixed = geometry.input_size(geometry.output_size(least))
    least = geometry.input_size(geometry.output_size(least))
    return PieceSizes(least, step, border, halo, fixed)
