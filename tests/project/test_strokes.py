"""A change of labels survives being made into bytes; bytes from elsewhere do no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.project import strokes

DTYPES = ["uint8", "uint16", "int32", "int64", "bool"]


@st.composite
def changes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=7))
    dtype = draw(st.sampled_from(DTYPES))
    small = st.integers(0, 1 if dtype == "bool" else 3)
    arrays = hnp.arrays(dtype, shape, elements=small)
    return draw(arrays), draw(arrays)


@settings(max_examples=100, deadline=None)
@given(changes())
def test_applying_a_change_makes_the_new_array(change: tuple[np.ndarray, np.ndarray]) -> None:
    before, after = change
    flat, values = strokes.from_change(before.shape, before, after, ())
    if len(flat):
        flat, values = strokes.decode(strokes.encode(flat, values), before.size)
        before.reshape(-1)[flat] = values
    np.testing.assert_array_equal(before, after)


def test_a_change_of_one_plane_lands_in_that_plane() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 3, 5, 4))
    after = rng.integers(0, 3, (5, 4))
    expected = labels.copy()
    expected[1, 2] = after
    flat, values = strokes.from_change(labels.shape, labels[1, 2], after, (1, 2))
    labels.reshape(-1)[flat] = values
    np.testing.assert_array_equal(labels, expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 9)), min_size=1))
def test_of_repeated_pixels_the_last_value_counts(pixels: list[tuple[int, int, int]]) -> None:
    expected = np.zeros((4, 5), int)
    for y, x, value in pixels:
        expected[y, x] = value
    y, x, values = (np.array(column) for column in zip(*pixels, strict=True))
    flat, taken = strokes.from_pixels((4, 5), (y, x), values)
    flat, taken = strokes.decode(strokes.encode(flat, taken), 20)
    labels = np.zeros(20, int)
    labels[flat] = taken
    np.testing.assert_array_equal(labels.reshape(4, 5), expected)


def test_a_brush_stroke_is_small() -> None:
    plane = np.zeros((1024, 1024), np.uint8)
    plane[300:340, 100:900] = 2
    flat, values = strokes.from_change(plane.shape, np.zeros_like(plane), plane, ())
    assert len(strokes.encode(flat, values)) < 200


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_forged_payloads_are_refused_or_stay_inside(data: st.DataObject) -> None:
    flat = np.array([1, 2, 3, 9, 10])
    payload = bytearray(strokes.encode(flat, np.arange(5, dtype=np.uint8)))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, values = strokes.decode(bytes(payload), 12)
    except strokes.BadStrokeError:
        return
    assert 0 <= found.min() <= found.max() < 12
    assert len(found) == len(values) <= 12


def test_a_payload_for_a_larger_array_is_refused() -> None:
    payload = strokes.encode(np.array([50]), 1)
    with pytest.raises(strokes.BadStrokeError):
        strokes.decode(payload, 50)
