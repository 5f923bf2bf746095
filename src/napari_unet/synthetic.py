"""A picture of touching cells whose ids are known exactly: made up, and nothing else is claimed.

For trying things out and for tests. It is no replacement for real images: shapes, borders and noise
are simpler than any microscope's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.errors import UserError

_ATTEMPTS = 300


def touching_cells(
    size: int = 256, number: int = 40, seed: int = 0, *, radius: float = 14.0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Synthetic fluorescent cells, most of them in touch with another.

    Parameters
    ----------
    size
        Rows and columns of the square picture.
    number
        How many cells; the ids are 1 to ``number``, each one connected region.
    seed
        The same numbers make the same picture.
    radius
        Mean radius in pixels; single cells have 0.75 to 1.25 times it.

    Returns
    -------
    image, objects
        uint8 and int32 (size, size). Where two cells touch, no background lies between their ids;
        the picture is a little darker there.

    Raises
    ------
    UserError
        ``number`` cells do not fit into the picture.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(np.float64)
    nearest = np.ones((size, size))  # relative distance to the centre of the nearest cell; 1 = rim
    objects = np.zeros((size, size), np.int32)
    centres: list[tuple[float, float, float]] = []
    for cell in range(1, number + 1):
        for _ in range(_ATTEMPTS):
            cy, cx, r = _place(rng, centres, size, radius)
            distance = _relative_distance(rng, y - cy, x - cx, r)
            inside = distance < 1
            taken = inside & (distance < nearest)
            grown = np.where(taken, cell, objects)
            # Every cell keeps most of itself, in one piece.
            if taken.sum() > 0.7 * inside.sum() and _whole(grown, cell, np.unique(objects[taken])):
                break
        else:
            raise UserError(
                f"Only {cell - 1} of {number} cells fit into {size} x {size} pixels; ask for fewer."
            )
        objects = grown
        nearest = np.where(taken, distance, nearest)
        centres.append((cy, cx, r))
    return _photograph(rng, objects, nearest), objects


def _place(
    rng: np.random.Generator, centres: list[tuple[float, float, float]], size: int, radius: float
) -> tuple[float, float, float]:
    """Centre and radius of a new cell: two of three lean on a cell that is there."""
    r = radius * rng.uniform(0.75, 1.25)
    low, high = 1.4 * radius, size - 1.4 * radius
    if centres and rng.random() < 2 / 3:
        cy, cx, other = centres[rng.integers(len(centres))]
        angle = rng.uniform(0, 2 * np.pi)
        cy += 0.85 * (r + other) * np.sin(angle)
        cx += 0.85 * (r + other) * np.cos(angle)
    else:
        cy, cx = rng.uniform(0, size, 2)
    return float(np.clip(cy, low, high)), float(np.clip(cx, low, high)), r


def _relative_distance(
    rng: np.random.Generator, dy: npt.NDArray[np.float64], dx: npt.NDArray[np.float64], r: float
) -> npt.NDArray[np.float64]:
    """Distance to the centre over the distance of the rim there: a circle with soft bulges."""
    angle = np.arctan2(dy, dx)
    rim = np.full_like(angle, r)
    for waves in (2, 3, 4):
        bulge = r * rng.uniform(0, 0.16) / (waves - 1)
        rim += bulge * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    return np.hypot(dy, dx) / rim


def _whole(objects: npt.NDArray[np.int32], cell: int, displaced: npt.NDArray[np.int32]) -> bool:
    """Whether the new cell and those it pushed are still one piece each."""
    return all(ndimage.label(objects == i)[1] == 1 for i in (cell, *displaced) if i)


def _photograph(
    rng: np.random.Generator, objects: npt.NDArray[np.int32], nearest: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Grey values: brightness by cell, soft texture, darker rims, blur, photon and camera noise."""
    brightness = rng.uniform(90, 170, objects.max() + 1)
    brightness[0] = 18
    texture = ndimage.gaussian_filter(rng.standard_normal(objects.shape), 2.5)
    light = brightness[objects]
    light = np.where(objects > 0, light * (1 - 0.35 * nearest**3 + 1.2 * texture), light)
    light = ndimage.gaussian_filter(light, 1.0)
    noisy = rng.poisson(np.maximum(light, 0)) + rng.normal(0, 4, objects.shape)
    image: npt.NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return image
