"""Tiles of drawn scenes with their lessons, turned and mirrored: what start weights are fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_unet.start.fields import Field, Rng
from napari_unet.start.lessons import VALUES, lesson_of
from napari_unet.start.objective import Lessons
from napari_unet.start.scenes import draw_scene

TILE, BATCH = 192, 4
CONTRAST, BRIGHTNESS = 0.2, 0.15
"""Sd of the logarithm of the factor, and of the sum, by which the grey values of a tile differ."""
TOWARDS = slice(VALUES.index("towards y"), VALUES.index("towards x") + 1)


@dataclass(frozen=True)
class Taught:
    """A scene and its lesson, in few bytes: ``seen`` (y, x); ``marks`` (inside and LINES, y, x);
    ``values`` (VALUES, y, x); ``kind``.
    """

    seen: npt.NDArray[np.float16]
    marks: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float16]
    kind: int


def taught(seed: int) -> Taught:
    """Scene number ``seed`` and what it teaches."""
    scene = draw_scene(seed)
    lesson = lesson_of(scene)
    marks = np.stack([lesson.inside, *lesson.lines])
    half = np.float16
    return Taught(scene.seen.astype(half), marks, lesson.values.astype(half), scene.kind)


def draw_batch(rng: Rng, scenes: Sequence[Taught]) -> tuple[Tensor, Lessons]:
    """Tiles of random scenes, each with another brightness and contrast: (B, 1, y, x)."""
    chosen = [scenes[n] for n in rng.integers(len(scenes), size=BATCH)]
    tiles = [draw_tile(rng, scene) for scene in chosen]
    seen, marks, values = (torch.from_numpy(np.stack(part)) for part in zip(*tiles, strict=True))
    images = seen[:, None].contiguous(memory_format=torch.channels_last)
    kind = torch.tensor([scene.kind for scene in chosen])
    return images, Lessons(marks[:, 0].long(), marks[:, 1:], values, kind)


def draw_tile(rng: Rng, scene: Taught) -> tuple[Field, Field, Field]:
    """Grey values, marks and values of a random tile, turned and mirrored at random."""
    height, width = scene.seen.shape
    y, x = rng.integers(height - TILE + 1), rng.integers(width - TILE + 1)
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    box = (..., slice(y, y + TILE), slice(x, x + TILE))
    seen, marks, values = (
        turned(part[box], turns, mirrored) for part in (scene.seen, scene.marks, scene.values)
    )
    values[TOWARDS] = turned_vectors(values[TOWARDS], turns, mirrored)
    factor, more = np.exp(rng.normal(0, CONTRAST)), rng.normal(0, BRIGHTNESS)
    return (seen * factor + more).astype(np.float32), marks, values


def turned(array: npt.NDArray[np.generic], turns: int, mirrored: bool) -> Field:
    """``array`` (..., y, x) mirrored along x, then turned by quarters, as float32."""
    array = array[..., ::-1] if mirrored else array
    return np.rot90(array, turns, (-2, -1)).astype(np.float32)


def turned_vectors(vectors: Field, turns: int, mirrored: bool) -> Field:
    """Vectors (y and x, ...) as they point in an image that was turned like that."""
    down, right = vectors
    right = -right if mirrored else right
    for _ in range(turns):
        down, right = -right, down
    return np.stack([down, right])
