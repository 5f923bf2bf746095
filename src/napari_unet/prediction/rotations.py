"""The eight symmetric views of a square grid.

U-Net 2015 averaged its predictions over seven rotated versions of the input. Here these are the
seven rotated and mirrored versions beside the image itself, for which no pixel is interpolated. In
3D the views are turned in the plane of y and x alone, as voxels are seldom cubes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """Mirror along x first, if asked for, then turn by ``turns`` quarter turns from y to x."""

    turns: int
    mirrored: bool

    def apply(self, x: Tensor) -> Tensor:
        """``x`` (..., y, x) seen so; y and x change places with odd ``turns``."""
        return torch.rot90(x.flip(-1) if self.mirrored else x, self.turns, (-2, -1))

    def undo(self, x: Tensor) -> Tensor:
        """Back again: ``undo(apply(x))`` is ``x``; the same tensor where nothing was turned."""
        if self.turns:  # else torch would copy it
            x = torch.rot90(x, -self.turns, (-2, -1))
        return x.flip(-1) if self.mirrored else x


VIEWS = tuple(View(turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""All eight; the first is the image as it is."""
