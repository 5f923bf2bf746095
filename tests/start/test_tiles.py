"""Tiles that start weights are fed: image and lessons turn together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.start.lessons import LINES, VALUES, lesson_of
from napari_unet.start.scenes import Scene, draw_scene
from napari_unet.start.tiles import (
    BATCH,
    TILE,
    TOWARDS,
    draw_batch,
    draw_tile,
    taught,
    turned,
    turned_vectors,
)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_scene_teaches_the_turned_lesson(turns: int, mirrored: bool) -> None:
    scene = draw_scene(3, 96)
    ids = np.rint(turned(scene.ids, turns, mirrored)).astype(np.int32)
    clean = turned(scene.clean, turns, mirrored)
    expected = lesson_of(Scene(clean, clean, ids, scene.kind))
    lesson = lesson_of(scene)
    values = turned(lesson.values, turns, mirrored)
    values[TOWARDS] = turned_vectors(values[TOWARDS], turns, mirrored)
    np.testing.assert_allclose(values, expected.values, atol=1e-4)
    border = LINES.index("border")
    assert np.array_equal(turned(lesson.lines, turns, mirrored)[border], expected.lines[border])


def test_a_tile_is_a_part_of_its_scene() -> None:
    scene = taught(1)
    seen, marks, values = draw_tile(np.random.default_rng(0), scene)
    assert seen.shape == (TILE, TILE)
    assert marks.shape == (1 + len(LINES), TILE, TILE)
    assert values.shape == (len(VALUES), TILE, TILE)
    assert {seen.dtype, marks.dtype, values.dtype} == {np.dtype(np.float32)}
    again = draw_tile(np.random.default_rng(0), scene)
    assert all(np.array_equal(a, b) for a, b in zip((seen, marks, values), again, strict=True))


def test_a_batch_fits_the_objective() -> None:
    images, lessons = draw_batch(np.random.default_rng(0), [taught(1), taught(2)])
    assert images.shape == (BATCH, 1, TILE, TILE)
    assert images.dtype == torch.float32
    assert lessons.inside.shape == (BATCH, TILE, TILE)
    assert lessons.lines.shape == (BATCH, len(LINES), TILE, TILE)
    assert lessons.values.shape == (BATCH, len(VALUES), TILE, TILE)
    assert lessons.kind.shape == (BATCH,)
