"""The fast weight map against the slow definition of the paper."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt as edt

from napari_unet.annotations.boundary_weights import boundary_weights, class_balance
from napari_unet.annotations.two_nearest import AT_ONCE, _Form, _groups, two_nearest
from napari_unet.errors import UserError


def slow(
    objects: np.ndarray, w0: float, sigma: float, voxel: tuple[float, ...] | None = None
) -> np.ndarray:
    """One distance transform an object, the two smallest distances, eq. 2."""
    ids = np.unique(objects[objects > 0])
    if len(ids) < 2:
        return np.zeros(objects.shape)
    distances = np.sort([edt(objects != i, sampling=voxel) for i in ids], axis=0)
    weights = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return np.where(objects == 0, weights, 0)


def blobs(seed: int, shape: tuple[int, ...], number: int) -> np.ndarray:
    """Objects of several pieces, some touching, with gaps in the ids."""
    generator = np.random.default_rng(seed)
    objects = np.zeros(shape, np.int32)
    for _ in range(number):
        corner = [generator.integers(0, n) for n in shape]
        size = generator.integers(1, 7, len(shape))
        place = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
        objects[place] = generator.integers(1, 12)
    return objects


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(30, 41), (64, 5), (1, 20), (8, 12, 10)]),
    st.integers(0, 14),
    st.sampled_from([(10.0, 5.0), (3.0, 1.5), (50.0, 9.0)]),
)
def test_equals_the_definition(
    seed: int, shape: tuple[int, ...], number: int, constants: tuple[float, float]
) -> None:
    objects = blobs(seed, shape, number)
    fast = boundary_weights(objects, *constants)
    assert fast.dtype == np.float32
    np.testing.assert_allclose(fast, slow(objects, *constants), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 14),
    st.tuples(st.floats(1, 8), st.floats(1, 2), st.just(1.0)),
)
def test_long_voxels_lie_farther_apart(seed: int, number: int, voxel: tuple[float, ...]) -> None:
    objects = blobs(seed, (6, 14, 18), number)
    fast = boundary_weights(objects, 10.0, 3.0, voxel)
    np.testing.assert_allclose(fast, slow(objects, 10.0, 3.0, voxel), atol=1e-4)


def test_a_known_value() -> None:
    objects = np.zeros((1, 9), int)
    objects[0, 1], objects[0, 7] = 4, 9
    expected = 10 * np.exp(-(6**2) / 50)
    np.testing.assert_allclose(boundary_weights(objects)[0, 4], expected, rtol=1e-5)
    assert not boundary_weights(np.where(objects == 4, 4, 0)).any()


def test_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="sigma"):
        boundary_weights(np.zeros((3, 3), int), sigma=0)
    with pytest.raises(UserError):
        boundary_weights(np.zeros((3, 3), int), w0=-1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**5), min_size=1, max_size=5), st.floats(0, 1))
def test_balance_has_mean_one_and_a_bounded_ratio(counts: list[int], strength: float) -> None:
    weights = np.array(class_balance(counts, strength))
    present = np.array(counts) > 0
    assert (weights[~present] == 0).all()
    if present.any():
        np.testing.assert_allclose((weights * counts).sum() / sum(counts), 1)
        assert weights[present].max() <= 20.001 * weights[present].min()


def test_full_balance_gives_every_class_the_same_say() -> None:
    weights = class_balance([300, 100])
    np.testing.assert_allclose(weights[0] * 300, weights[1] * 100)
    np.testing.assert_allclose(class_balance([300, 100], 0), (1, 1))


def test_huge_ids_need_no_huge_table() -> None:
    ids = np.array([[2**31 - 1, 0, 5, 0, 1]])
    small = np.array([[3, 0, 2, 0, 1]])
    np.testing.assert_array_equal(boundary_weights(ids), boundary_weights(small))


def test_ids_that_are_none_are_not_taken_for_others() -> None:
    for wrong in (-1, 1.5):
        objects = np.array([[1, 0, 2, 0, wrong]])
        with pytest.raises((TypeError, ValueError)):
            boundary_weights(objects)


def test_no_weight_where_there_is_nothing_to_weigh() -> None:
    assert class_balance([0, 0]) == (0, 0)
    assert not boundary_weights(np.zeros((4, 5), int)).any()
    assert not boundary_weights(np.diag([1, 0, 2]), w0=0).any()


def test_windows_whose_diagonal_squared_needs_more_than_32_bits() -> None:
    objects = np.zeros((3, 70_000), np.int32)
    objects[0, 0] = objects[0, -1] = 1  # one object, as long as the image
    objects[2, 35_000], objects[2, 35_010] = 2, 3
    near = two_nearest(objects, 20.0)
    where = list(near.places).index(2 * 70_000 + 35_004)
    # The nearest pixel of the first one is 35 000 away.
    assert (near.total[where], near.first[where], near.second[where]) == (10, 2, 3)


@given(st.integers(0, 10**6), st.integers(2, 14), st.floats(1, 40))
def test_numbers_of_32_and_of_64_bits_say_the_same(seed: int, number: int, reach: float) -> None:
    ids = blobs(seed, (31, 37), number)
    short = two_nearest(ids, reach)
    wide = _Form((1.0, 1.0), 32, np.int64)
    with patch.object(_Form, "of", return_value=wide):
        long = two_nearest(ids, reach)
    for field in ("places", "total", "first", "second"):
        np.testing.assert_array_equal(getattr(short, field), getattr(long, field))


@given(st.lists(st.integers(0, 3 * AT_ONCE), max_size=30))
def test_groups_are_all_in_turn_and_none_too_large(pixels: list[int]) -> None:
    groups = _groups(pixels)
    assert [n for group in groups for n in group] == list(range(len(pixels)))
    for group in groups:
        assert len(group) == 1 or sum(pixels[n] for n in group) <= AT_ONCE
