"""Batches: which piece of which plane comes next, deformed, with its labels and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.errors import UserError
from napari_unet.images.tiling import Box
from napari_unet.training.data import TrainingData
from napari_unet.training.elastic import INTERPOLATION, reach, sample, sampling_grid, vary_greys
from napari_unet.training.plane import TrainingPlane
from napari_unet.training.presets import Preset


@dataclass(frozen=True)
class Batch:
    """``images`` (B, C, *input), ``classes`` int64 and ``weights`` (B, *output)."""

    images: Tensor
    classes: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Draw:
    """A batch and how it came about: ``grid`` (B, *input, dims) says where each pixel was fetched,
    in pixels from ``centres`` of ``planes``, before the greys were varied."""

    batch: Batch
    planes: tuple[TrainingPlane, ...]
    centres: tuple[tuple[float, ...], ...]
    grid: Tensor


def draw_batch(
    data: TrainingData,
    preset: Preset,
    *,
    batch: int,
    output: tuple[int, ...],
    border: tuple[int, ...],
    balance: Tensor,
    generator: torch.Generator,
    device: torch.device,
    around: Sequence[int] = (),
) -> Batch:
    """The batch of :func:`draw`."""
    return draw(
        data,
        preset,
        batch=batch,
        output=output,
        border=border,
        balance=balance,
        generator=generator,
        device=device,
        around=around,
    ).batch


def draw(
    data: TrainingData,
    preset: Preset,
    *,
    batch: int,
    output: tuple[int, ...],
    border: tuple[int, ...],
    balance: Tensor,
    generator: torch.Generator,
    device: torch.device,
    around: Sequence[int] = (),
) -> Draw:
    """Draw ``batch`` deformed pieces whose output is ``output`` pixels large.

    Every plane with labels is as likely as any other. ``preset.rare`` of the pieces are placed
    around a pixel of a class drawn evenly, so that rare classes are seen; the others around any
    labelled pixel. What lies outside a plane is its mirror image without labels. ``around``: the
    pieces are placed around these classes in turn, which are labelled, and around no others.
    """
    planes = [p for p in data.planes.values() if p.candidates]
    if not planes:
        raise UserError("Nothing is left to train on: label more, or train without validation.")
    size = tuple(n + 2 * b for n, b in zip(output, border, strict=True))
    half = reach(size, preset)
    images, labels, chosen, centres = [], [], [], []
    for number in range(batch):
        value = around[number % len(around)] if around else None
        fit = planes if value is None else [p for p in planes if value in p.candidates]
        plane = fit[int(torch.randint(len(fit), (), generator=generator))]
        corner = _place(plane, output, preset.rare, generator, value)
        window: Box = tuple(
            (c - h, c + h + n % 2) for c, h, n in zip(corner, half, size, strict=True)
        )
        chosen.append(plane)
        # A window of even size has its centre between two pixels.
        centres.append(tuple((a + b - 1) / 2 for a, b in window))
        images.append(plane.read_pixels(window))
        labels.append(plane.read_labels(window))
    grid = sampling_grid(size, batch, preset, generator, device)
    x = sample(torch.from_numpy(np.stack(images)).to(device), grid, INTERPOLATION[len(size)])
    inner = tuple(slice(b, n - b) for b, n in zip(border, size, strict=True))
    warped = sample(
        torch.from_numpy(np.stack(labels)).to(device), grid[(slice(None), *inner)], "nearest"
    )
    classes = warped[:, 0].long()
    labelled = classes != UNLABELLED
    weights = (balance[classes] + warped[:, 1]) * labelled
    pieces = Batch(vary_greys(x, preset, generator), classes * labelled, weights)
    return Draw(pieces, tuple(chosen), tuple(centres), grid)


def _place(
    plane: TrainingPlane,
    output: tuple[int, ...],
    rare: float,
    generator: torch.Generator,
    value: int | None,
) -> tuple[int, ...]:
    """Centre of a piece of the plane; it holds a labelled pixel, rarely near its own edge.

    ``value``: one of this class; None = as :func:`draw` says.
    """

    def below(n: int) -> int:
        return int(torch.randint(n, (), generator=generator))

    groups = list(plane.candidates.values())
    if value is not None:
        places = plane.candidates[value]
    elif float(torch.rand((), generator=generator)) < rare:
        places = groups[below(len(groups))]
    else:
        pick = below(sum(len(g) for g in groups))
        for places in groups:
            if pick < len(places):
                break
            pick -= len(places)
    flat = int(places[below(len(places))])
    pixel = np.unravel_index(flat, plane.truth.shape)
    centre = []
    for p, (start, _), n, size in zip(pixel, plane.window, output, plane.shape, strict=True):
        shift = (float(torch.rand((), generator=generator)) - 0.5) * 0.8 * n
        # Mostly inside the plane, where it is large enough.
        low, high = min(0.35 * n, size / 2), max(size - 0.35 * n, size / 2)
        centre.append(round(min(max(int(p) + start + shift, low), high)))
    return tuple(centre)
