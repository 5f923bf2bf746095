"""Elastic deformation and its companions, for a whole batch on the training device.

Ronneberger et al. 2015, section 3.1: random displacement vectors on a coarse 3 by 3 grid, Gaussian
with a standard deviation of 10 pixels, per-pixel displacements by bicubic interpolation. Rotation,
mirroring, zoom and shift are folded into the same sampling grid, so that each pixel is
interpolated once. Bicubic is torch's (Keys, a = -0.75, border clamped).
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unet.training.presets import Preset

CPU = torch.device("cpu")
INTERPOLATION = {2: "bicubic", 3: "bilinear"}
"""Of images, by dimensions (torch calls trilinear so, too, and has no tricubic). Linear
interpolation takes away a part of the finest detail, which the images that are predicted have: of
membranes a network trained so saw gaps that are none."""
BLUR_RADIUS = 3
"""Standard deviations, which are pixels here."""
SHADING_POINTS = 8
"""Along each axis of a piece: bright and dark differ from object to object."""


def displacement(
    batch: int,
    size: tuple[int, ...],
    points: int,
    sd: float,
    generator: torch.Generator,
    device: torch.device = CPU,
) -> Tensor:
    """Smooth random displacements (B, dims, *size) in pixels, axes in array order, on ``device``.

    Bicubic along y and x, linear along z: as torch interpolates, one axis after the other.
    """
    dims = len(size)
    # Only the few numbers of the grid are drawn on the CPU, so that all devices draw the same.
    grid = torch.randn(batch, dims, *([points] * dims), generator=generator).to(device) * sd
    return _spread(grid, size)


def _in_float32(device: torch.device) -> torch.autocast:
    """Under autocast products would be of 16 bits, too few to say where a pixel lies."""
    return torch.autocast(device.type, enabled=False)


def _spread(coarse: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, C, *points) interpolated to (B, C, *size), the corners on the corners."""
    with _in_float32(coarse.device):
        for axis, n in enumerate(size, start=-len(size)):
            mode = "bicubic" if axis >= -2 else "linear"
            weights = _shares(coarse.shape[axis], n, mode).to(coarse.device)
            coarse = torch.tensordot(coarse, weights, ([axis], [1])).movedim(-1, axis)
    return coarse


@lru_cache(maxsize=64)
def _shares(points: int, n: int, mode: str) -> Tensor:
    """Share of each of ``points`` in each of ``n`` pixels from the first to the last: (n, points).

    One product for each axis with these is much faster than ``F.interpolate`` of whole planes.
    """
    lines = torch.eye(points)[:, None]
    if mode == "linear":
        return F.interpolate(lines, size=n, mode=mode, align_corners=True)[:, 0].T.contiguous()
    lines = F.interpolate(lines[..., None], size=(n, 1), mode=mode, align_corners=True)
    return lines[:, 0, :, 0].T.contiguous()


def linear_maps(batch: int, dims: int, preset: Preset, generator: torch.Generator) -> Tensor:
    """Random rotation (in y, x), mirroring and zoom: matrices (B, dims, dims), array order."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    # Drawn in any case, so that one setting does not change what the others draw.
    turn, zoom, mirror, turned = uniform(0, 4), uniform(-1, 1), uniform(0, 1), uniform(0, 1)
    turns = {"free": turn, "quarter": turn.floor(), "none": torch.zeros(batch)}
    angle = turns[preset.rotation] * (math.pi / 2) * (turned < preset.turned)
    flip = torch.where((mirror < 0.5) & torch.tensor(preset.mirror), -1.0, 1.0)
    scale = torch.exp(zoom * preset.scale)
    cos, sin = torch.cos(angle), torch.sin(angle)
    maps = torch.eye(dims).repeat(batch, 1, 1)
    maps[:, -2:, -2:] = torch.stack(
        [torch.stack([cos, -sin * flip], -1), torch.stack([sin, cos * flip], -1)], 1
    )
    maps[:, -2:, -2:] *= scale[:, None, None]
    return maps


def sampling_grid(
    size: tuple[int, ...],
    batch: int,
    preset: Preset,
    generator: torch.Generator,
    device: torch.device = CPU,
) -> Tensor:
    """Where each output pixel comes from, relative to the tile's centre: (B, *size, dims), pixels.

    Everything at strength zero gives the plain grid, exactly.
    """
    dims = len(size)
    grid = torch.empty(batch, *size, dims, device=device)
    moved = displacement(batch, size, preset.elastic_points, preset.elastic_sd, generator, device)
    voxel = preset.voxel or (1.0,) * dims  # as far in the world along each axis
    for axis, n in enumerate(size):
        places = torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2
        places = places.reshape([-1 if other == axis else 1 for other in range(dims)])
        if preset.elastic_sd > 0:
            grid[..., axis] = moved[:, axis] / voxel[axis] + places
        else:
            grid[..., axis] = places
    maps = linear_maps(batch, dims, preset, generator)
    if not torch.equal(maps, torch.eye(dims).expand_as(maps)):
        shape = grid.shape
        turned = maps.transpose(1, 2).to(device)
        with _in_float32(device):
            grid = torch.bmm(grid.reshape(batch, -1, dims), turned).reshape(shape)
    return grid


def reach(size: tuple[int, ...], preset: Preset) -> tuple[int, ...]:
    """How far from the tile's centre pixels may be fetched, by axis: half a window's side.

    Displacements beyond three standard deviations are clamped to the window's edge.
    """
    voxel = preset.voxel or (1.0,) * len(size)
    half = [
        n / 2 + math.ceil(3 * preset.elastic_sd * 1.2 / v) + 2
        for n, v in zip(size, voxel, strict=True)
    ]
    if preset.rotation == "free":
        half[-2] = half[-1] = math.hypot(half[-2], half[-1])
    elif preset.rotation == "quarter":
        half[-2] = half[-1] = max(half[-2:])
    half[-2:] = [h * math.exp(preset.scale) for h in half[-2:]]
    return tuple(math.ceil(h) for h in half)


def sample(windows: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Values of ``windows`` (B, C, *window) at ``grid`` (B, *size, dims), centred pixels.

    ``mode`` is one of ``INTERPOLATION`` for images and "nearest" for everything whose values are
    names: no id is ever invented.
    """
    sizes = torch.tensor(windows.shape[2:], dtype=grid.dtype, device=grid.device)
    # grid_sample wants x first, and -1..1 from the first to the last pixel's centre.
    unit = (grid / ((sizes - 1) / 2)).flip(-1)
    return F.grid_sample(
        windows, unit.to(windows.dtype), mode=mode, padding_mode="border", align_corners=True
    )


def vary_greys(images: Tensor, preset: Preset, generator: torch.Generator) -> Tensor:
    """Normalised images (B, C, *size), about -1..1, as another day or microscope might give them.

    In this order: contrast, brightness, gamma, shading, sharpness, noise. Shading multiplies what
    lies above -1 by a smooth field, as uneven light and staining do. Sharpness multiplies what a
    Gaussian of one pixel takes away: pieces are smoother than their images, because deformation
    interpolates them, and other images are rougher or smoother than those that are labelled.
    """
    shape = (len(images), images.shape[1], *([1] * (images.dim() - 2)))

    def uniform(low: float, high: float) -> Tensor:
        draw = torch.rand(shape, generator=generator) * (high - low) + low
        return draw.to(images.device)

    contrast, brightness = uniform(-1, 1), uniform(-1, 1)
    exponent, strength = uniform(-1, 1), uniform(0, 1)
    images = images * (1 + preset.contrast * contrast) + preset.brightness * brightness
    if preset.gamma > 0:
        unit = ((images + 1) / 2).clamp(1e-4, 1.5)
        images = torch.where(
            images > -1, unit ** torch.exp(preset.gamma * exponent) * 2 - 1, images
        )
    if preset.shading > 0:
        images = (images + 1) * shading(images, preset.shading, generator) - 1
    if preset.sharpness > 0:
        factor = torch.exp(preset.sharpness * uniform(-1, 1))
        images = images + (factor - 1) * (images - blurred(images))
    if preset.noise > 0:
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        images = images + preset.noise * strength * noise
    return images


def shading(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Smooth random factors (B, 1, *size), exp of a field that is ``strength`` times normal."""
    dims = images.dim() - 2
    points = torch.randn(len(images), 1, *([SHADING_POINTS] * dims), generator=generator)
    return torch.exp(strength * _spread(points.to(images.device), tuple(images.shape[2:])))


def blurred(images: Tensor) -> Tensor:
    """Images (B, C, *size) after a Gaussian with an sd of one pixel along y and x; edges repeat."""
    distance = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=images.device)
    weights = torch.exp(-(distance.to(images.dtype) ** 2) / 2)
    row = (weights / weights.sum())[None, None, None]
    planes = images.reshape(-1, 1, *images.shape[-2:])
    planes = F.pad(planes, [BLUR_RADIUS] * 4, mode="replicate")
    planes = F.conv2d(F.conv2d(planes, row), row.transpose(2, 3))
    return planes.reshape(images.shape)
