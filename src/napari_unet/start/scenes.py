"""Drawn scenes for start weights: crude, varied, and labelled exactly. Free of torch.

Each draws a picture and the ids of its objects: nuclei and other bodies that may touch, tissue of
cells with walls between them, large spread cells, filaments, textured regions. No image of any
data set has a part in it. The pictures need not look real. A network that has seen many of them
knows edges, bodies, walls and textures, and what is left to learn from a person's labels is which
of them count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_unet.start.fields import (
    Field,
    Ids,
    Rng,
    components,
    log_uniform,
    per_object,
    smooth,
    spread,
    texture,
    warp,
)

SIZE = 256


def bodies(rng: Rng, size: int = SIZE) -> tuple[Field, Ids]:
    """Nuclei and the like: bent ellipses, apart or touching, of very different brightness."""
    radius = log_uniform(rng, 4, 30)
    centres = spread(rng, size, radius * rng.uniform(1.5, 4.0), radius)
    centres = centres[rng.random(len(centres)) < rng.uniform(0.3, 1)]
    y, x = warp(rng, size, radius * rng.uniform(0, 0.25), radius * rng.uniform(0.7, 2))
    ids = np.zeros((size, size), np.int32)
    inside = np.full((size, size), np.inf, np.float32)
    elongated, angle, turned = rng.uniform(0, 0.8), rng.uniform(0, np.pi), rng.random() < 0.5
    for number, (cy, cx) in enumerate(centres, 1):
        r = radius * np.exp(rng.normal(0, 0.25))
        a = r * np.exp(elongated * rng.random())
        b = r * r / a
        reach = int(1.6 * a) + 3
        box = tuple(slice(max(0, int(c) - reach), max(0, int(c) + reach)) for c in (cy, cx))
        turn = angle + rng.normal(0, 0.3) if turned else rng.uniform(0, np.pi)
        dy, dx = y[box] - cy, x[box] - cx
        u, v = dy * np.cos(turn) + dx * np.sin(turn), dx * np.cos(turn) - dy * np.sin(turn)
        distance = (u / a) ** 2 + (v / b) ** 2
        mine = (distance < 1) & (distance < inside[box])
        ids[box][mine] = number
        inside[box][mine] = distance[mine]
    level = per_object(rng, ids, rng.uniform(0, 0.7)) * (ids > 0)
    if rng.random() < 0.5:  # thinner towards the rim
        level *= 1 - rng.uniform(0, 0.6) * np.clip(np.where(ids > 0, inside, 0), 0, 1)
    if rng.random() < 0.4:  # or a bright rim
        rim = np.exp(-((np.where(ids > 0, inside, 0) - 1) ** 2) / 0.05)
        level += rng.uniform(-0.5, 0.8) * rim * (ids > 0)
    level *= 1 + rng.uniform(0, 0.35) * texture(rng, size)
    haze = ndimage.gaussian_filter(level, radius * rng.uniform(0.8, 2.5))
    picture = level + rng.uniform(0, 1.0) * haze + rng.uniform(0, 0.25) * smooth(rng, size, 80)
    return np.asarray(picture, np.float32), ids


def tissue(rng: Rng, size: int = SIZE) -> tuple[Field, Ids]:
    """Cells that fill the picture, with walls between them and things inside them."""
    side = log_uniform(rng, 12, 80)
    centres = spread(rng, size, side, side)
    y, x = warp(rng, size, side * rng.uniform(0.05, 0.35), side * rng.uniform(0.4, 1.5))
    if rng.random() < 0.5:  # stretched
        y, x = y * rng.uniform(0.5, 1), x
    near, which = cKDTree(centres).query(np.stack([y, x], -1).reshape(-1, 2), k=2)
    gap = (near[:, 1] - near[:, 0]).reshape(size, size)
    thick = log_uniform(rng, 1.5, 6)
    wall = gap < thick * (1 + 0.4 * np.clip(smooth(rng, size, side), -1.5, 1.5))
    ids = np.where(wall, 0, which[:, 0].reshape(size, size) + 1).astype(np.int32)
    empty = rng.random(len(centres) + 2) < rng.choice([0, 0, 0.3])
    outside = empty[ids] & (ids > 0)
    cells = 1 + rng.uniform(0, 0.25) * texture(rng, size)
    cells = cells * per_object(rng, ids, rng.uniform(0, 0.2))
    if rng.random() < 0.7:  # organelles: dark or bright grains, often as dark as the walls
        grains = smooth(rng, size, log_uniform(rng, 3, 14)) > rng.uniform(1.2, 2.2)
        rims = grains ^ ndimage.binary_erosion(grains) if rng.random() < 0.5 else grains
        cells = np.where(rims, cells * rng.uniform(0.2, 0.8), cells)
    level = rng.uniform(0.0, 0.5) + 0.15 * texture(rng, size)
    picture = np.where(wall, level, cells)
    picture = np.where(outside, rng.uniform(0.3, 1.3), picture)
    if rng.random() < 0.3:  # bright walls
        picture = 1.2 - picture
    return np.asarray(picture, np.float32), np.where(outside, 0, ids).astype(np.int32)


def spread_cells(rng: Rng, size: int = SIZE) -> tuple[Field, Ids]:
    """A few large cells of any outline whose inside differs by texture more than by brightness."""
    scale = log_uniform(rng, 30, 110)
    ground = smooth(rng, size, scale) + 0.3 * smooth(rng, size, scale / 4)
    mask = ndimage.binary_opening(ground > rng.uniform(0.2, 1.1), iterations=2)
    ids = components(mask)
    inside = rng.uniform(-0.4, 0.6) + rng.uniform(0.2, 0.6) * texture(rng, size)
    outside = rng.uniform(0.03, 0.25) * texture(rng, size)
    depth = ndimage.distance_transform_edt(mask)
    inside = inside + rng.uniform(0, 1.5) * np.exp(-depth / log_uniform(rng, 1.5, 6))
    if rng.random() < 0.5:  # a nucleus
        inside = inside + rng.uniform(-0.6, 1.2) * (depth > 0.6 * max(float(depth.max()), 1.0))
    halo = np.exp(-ndimage.distance_transform_edt(~mask) / log_uniform(rng, 1.5, 8))
    picture = np.where(mask, inside, outside + rng.uniform(-0.6, 0.8) * halo)
    return np.asarray(picture, np.float32), ids


def filaments(rng: Rng, size: int = SIZE) -> tuple[Field, Ids]:
    """Vessels, fibres, nerve cells: lines of changing thickness that branch and cross."""
    mask = np.zeros((size, size), bool)
    for _ in range(rng.integers(1, 4)):
        field = smooth(rng, size, log_uniform(rng, 20, 90))
        slope = np.hypot(*np.gradient(field)) + 1e-3
        thick = log_uniform(rng, 0.8, 5) * (1 + 0.4 * np.clip(smooth(rng, size, 60), -1.5, 1.5))
        for level in rng.normal(0, 0.7, rng.integers(1, 4)):
            line = np.abs(field - level) / slope < thick  # distance to the contour, nearly
            mask |= line & (smooth(rng, size, 70) > rng.uniform(-2.5, 0))
    body = 1 + 0.2 * texture(rng, size)
    picture = np.where(mask, body, rng.uniform(0, 0.25) * texture(rng, size))
    return np.asarray(picture, np.float32), components(mask)


def regions(rng: Rng, size: int = SIZE) -> tuple[Field, Ids]:
    """Regions that differ from their surroundings by texture, brightness or both."""
    ground = smooth(rng, size, log_uniform(rng, 25, 120))
    mask = ground > rng.uniform(-0.3, 1.0)
    one, other = texture(rng, size), texture(rng, size)
    picture = np.where(
        mask,
        rng.uniform(-0.8, 0.8) + rng.uniform(0.1, 0.6) * one,
        rng.uniform(0.1, 0.6) * other,
    )
    return np.asarray(picture, np.float32), components(mask)


def develop(rng: Rng, picture: Field) -> Field:
    """What a microscope and a camera do to it: light, blur, grey curve, inversion, noise."""
    size = len(picture)
    low, high = np.percentile(picture, (0.5, 99.5))
    picture = (picture - low) / max(float(high - low), 1e-6)
    if rng.random() < 0.3:
        picture = 1 - picture
    picture = np.clip(picture, 0, 1.5) ** log_uniform(rng, 0.5, 2)
    picture = picture * np.exp(rng.uniform(0, 0.4) * smooth(rng, size, log_uniform(rng, 40, 200)))
    if rng.random() < 0.7:
        picture = ndimage.gaussian_filter(picture, log_uniform(rng, 0.4, 1.8))
    noise = log_uniform(rng, 0.005, 0.2) * np.sqrt(rng.uniform(0, 1) * np.clip(picture, 0, 1) + 0.2)
    picture = picture + noise * rng.standard_normal(picture.shape, np.float32)
    return _normalised(picture)


SCENES: tuple[tuple[Callable[[Rng, int], tuple[Field, Ids]], float], ...] = (
    (bodies, 0.4),
    (tissue, 0.27),
    (spread_cells, 0.15),
    (filaments, 0.1),
    (regions, 0.08),
)
"""Kinds of scenes and how often each is drawn."""


@dataclass(frozen=True)
class Scene:
    """``seen``: grey values (y, x), 1st percentile -1, 99th 1; ``clean``: the same before light,
    blur and noise were added, and never inverted; ``ids`` of objects; ``kind``: place in SCENES.
    """

    seen: Field
    clean: Field
    ids: Ids
    kind: int


def draw_scene(seed: int, size: int = SIZE) -> Scene:
    """Scene number ``seed``, with what the picture does not show."""
    rng = np.random.default_rng(seed)
    kinds, often = zip(*SCENES, strict=True)
    kind = int(rng.choice(len(kinds), p=often))
    picture, ids = kinds[kind](rng, size)
    return Scene(develop(rng, picture), _normalised(picture), ids, kind)


def draw(seed: int, size: int = SIZE) -> tuple[Field, Ids]:
    """Scene number ``seed``: grey values, 1st percentile -1, 99th 1; and object ids."""
    scene = draw_scene(seed, size)
    return scene.seen, scene.ids


def _normalised(picture: Field) -> Field:
    low, high = np.percentile(picture, (1, 99))
    return np.asarray((picture - low) / max(float(high - low), 1e-6) * 2 - 1, np.float32)
