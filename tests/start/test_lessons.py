"""What a scene teaches: on a hand-made one whose truth is known, and on drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.start.lessons import GAP_WIDTH, LINES, VALUES, Lesson, lesson_of
from napari_unet.start.scenes import Scene, draw_scene


def hand_made() -> Lesson:
    """A square of 20 pixels and one of 10, with three pixels between them."""
    ids = np.zeros((60, 60), np.int32)
    ids[10:30, 10:30] = 1
    ids[10:20, 33:43] = 2
    clean = np.where(ids > 0, 3, -1).astype(np.float32)
    return lesson_of(Scene(clean, clean, ids, 0))


def test_values_of_a_hand_made_scene() -> None:
    lesson = hand_made()
    value = dict(zip(VALUES, lesson.values, strict=True))
    assert value["clean"].max() == 1.5
    assert value["depth"][20, 20] == pytest.approx(np.tanh(9 / 8))
    assert value["depth"][50, 50] < -0.9
    radius = np.sqrt(400 / np.pi)
    assert value["radius"][12, 12] == pytest.approx(np.log(radius) - 2.5)
    assert value["towards y"][10, 20] == pytest.approx(9.5 / radius)
    assert value["towards x"][20, 29] == pytest.approx(-9.5 / radius)
    for name in ("towards y", "towards x", "radius"):
        assert not value[name][~lesson.inside].any()


def test_lines_of_a_hand_made_scene() -> None:
    lesson = hand_made()
    line = dict(zip(LINES, lesson.lines, strict=True))
    assert line["border"][10, 10:30].all()  # inside of the edge
    assert line["border"][9, 10:30].all()  # and outside
    assert not line["border"][12:28, 12:28].any()
    assert line["gap"][10:20, 30:33].all()
    assert not line["gap"][:, :27].any()
    assert not line["gap"][40:].any()
    ids = np.zeros((20, 20), np.int32)
    ids[:, :10], ids[:, 10:] = 1, 2
    clean = np.zeros((20, 20), np.float32)
    touching = lesson_of(Scene(clean, clean, ids, 0)).lines[LINES.index("gap")]
    assert touching[:, 8:12].all()
    assert not touching[:, :6].any()


def test_an_empty_and_a_full_scene() -> None:
    for ids in (np.zeros((8, 8), np.int32), np.ones((8, 8), np.int32)):
        lesson = lesson_of(
            Scene(np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32), ids, 0)
        )
        assert not lesson.lines.any()
        assert np.isfinite(lesson.values).all()
        assert lesson.values[VALUES.index("depth")] == pytest.approx(1 if ids.any() else -1)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_lessons_of_drawn_scenes_agree_with_their_ids(seed: int) -> None:
    scene = draw_scene(seed, 96)
    lesson = lesson_of(scene)
    assert lesson.values.shape == (len(VALUES), 96, 96)
    assert lesson.values.dtype == np.float32
    assert np.isfinite(lesson.values).all()
    assert np.array_equal(lesson.inside, scene.ids > 0)
    border, gap = lesson.lines
    # A border is where one of the neighbours has another id, and where two objects are.
    cross = ndimage.generate_binary_structure(2, 1)
    most = ndimage.maximum_filter(scene.ids, footprint=cross, mode="nearest")
    least = ndimage.minimum_filter(scene.ids, footprint=cross, mode="nearest")
    assert np.array_equal(border, most != least)
    if gap.any():
        away = ndimage.distance_transform_edt(scene.ids == 0)
        assert away[gap].max() < GAP_WIDTH
    towards = lesson.values[2:4]
    for number in np.unique(scene.ids)[1:]:
        mine = scene.ids == number
        if np.abs(towards[:, mine]).max() < 2:  # not cut off: the middle is where they agree
            assert towards[:, mine].mean(1) == pytest.approx(0, abs=0.02)
