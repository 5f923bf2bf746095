"""Random fields that scenes are made of. Free of torch; all take a generator and are repeatable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Field = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
Rng = np.random.Generator


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number between ``low`` and ``high``, every factor as likely as any other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def smooth(rng: Rng, size: int, scale: float) -> Field:
    """Smooth noise (size, size) with mean 0 and sd 1 whose bumps are about ``scale`` px wide."""
    # Coarse noise made larger: as smooth as a wide Gaussian filter, and much cheaper.
    step = max(1.0, scale / 4)
    n = int(np.ceil(size / step)) + 4
    coarse = ndimage.gaussian_filter(rng.standard_normal((n, n), np.float32), scale / step / 2)
    fine = resize(coarse, size, n / size if step == 1 else 1 / step)
    return np.asarray((fine - fine.mean()) / max(float(fine.std()), 1e-6), np.float32)


def resize(coarse: Field, size: int, step: float) -> Field:
    """``coarse`` sampled linearly at multiples of ``step``: (size, size)."""
    at = np.arange(size, dtype=np.float32) * step
    low = np.clip(at.astype(int), 0, len(coarse) - 2)
    part = (at - low).astype(np.float32)
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part, np.float32)


def texture(rng: Rng, size: int) -> Field:
    """Noise of several scales, sd about 1: what fills cells and backgrounds."""
    weights = rng.dirichlet(np.ones(3))
    scales = (log_uniform(rng, 1, 3), log_uniform(rng, 3, 10), log_uniform(rng, 10, 60))
    layers = (w * smooth(rng, size, s) for w, s in zip(weights, scales, strict=True))
    total = np.sum(list(layers), axis=0)
    return np.asarray(total / max(float(total.std()), 1e-6), np.float32)


def warp(rng: Rng, size: int, strength: float, scale: float) -> tuple[Field, Field]:
    """Coordinates (y, x) of a plane that is bent by about ``strength`` pixels."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return y + strength * smooth(rng, size, scale), x + strength * smooth(rng, size, scale)


def spread(rng: Rng, size: int, distance: float, margin: float = 0.0) -> npt.NDArray[np.float64]:
    """Points (n, 2) about ``distance`` apart on a jittered grid that reaches ``margin`` outside."""
    start = -margin + rng.uniform(0, distance, 2)
    axes = [np.arange(s, size + margin, distance) for s in start]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    grid += rng.uniform(-0.45, 0.45, grid.shape) * distance
    return np.asarray(grid)


def per_object(rng: Rng, ids: Ids, sd: float) -> Field:
    """A factor exp(+- ``sd``) of its own for every object; 1 on the background."""
    factors = np.exp(sd * rng.standard_normal(int(ids.max()) + 1)).astype(np.float32)
    factors[0] = 1
    return np.asarray(factors[ids])


def components(mask: npt.NDArray[Any]) -> Ids:
    """Connected regions of a mask as ids."""
    found, _ = ndimage.label(mask, output=np.int32)
    return np.asarray(found, np.int32)
