"""Instances from masks and probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_unet.annotations.objects import (
    components,
    drop_small,
    grow_back,
    objects_from_probability,
    renumber,
)
from napari_unet.annotations.targets import separate_touching

masks = arrays(np.int32, (7, 8), elements=st.integers(0, 5))


@settings(max_examples=40, deadline=None)
@given(masks)
def test_renumbering_changes_names_only(ids: np.ndarray) -> None:
    new = renumber(ids)
    assert set(np.unique(new)) - {0} == set(range(1, len(set(np.unique(ids)) - {0}) + 1))
    pairs = set(zip(ids.ravel().tolist(), new.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(ids))
    assert all((a == 0) == (b == 0) for a, b in pairs)


@settings(max_examples=40, deadline=None)
@given(masks, st.integers(0, 9))
def test_dropping_small_objects(ids: np.ndarray, least: int) -> None:
    left = drop_small(ids, least)
    for number in np.unique(ids[ids > 0]):
        size = (ids == number).sum()
        assert (left == number).sum() == (size if size >= least else 0)


def test_corners_do_not_connect() -> None:
    mask = np.eye(3, dtype=bool)
    assert components(mask).max() == 3


def test_the_line_between_objects_is_given_back() -> None:
    truth = np.zeros((12, 14), np.int32)
    truth[2:10, 2:7], truth[2:10, 7:12] = 1, 2
    apart = separate_touching(truth)
    probability = np.stack([apart == 0, apart > 0]).astype(np.float32)
    found = objects_from_probability(probability)
    assert set(np.unique(found)) == {0, 1, 2}
    assert (found[truth > 0] > 0).all()
    assert (found[truth == 0] == 0).all()  # nothing grows around the ends of the line
    apart_only = objects_from_probability(probability, separated=False)
    np.testing.assert_array_equal(apart_only > 0, apart > 0)


@settings(max_examples=40, deadline=None)
@given(masks)
def test_growing_never_overwrites(ids: np.ndarray) -> None:
    grown = grow_back(ids, np.ones(ids.shape))
    np.testing.assert_array_equal(grown[ids > 0], ids[ids > 0])
    assert set(np.unique(grown)) <= set(np.unique(ids))


def test_specks_and_classes() -> None:
    probability = np.zeros((3, 8, 8), np.float32)
    probability[0] = 0.4
    probability[1, 1:4, 1:4] = 0.9
    probability[2, 6, 6] = 0.9
    assert objects_from_probability(probability).max() == 2
    assert objects_from_probability(probability, min_size=4).max() == 1


def test_filling_joins_nothing() -> None:
    y, x = np.mgrid[:80, :80] - 40
    apart = (np.hypot(y, x) < 35) & (abs(x - 2 * y) > 1)
    probability = np.stack([~apart, apart]).astype(np.float32)
    assert objects_from_probability(probability, 50).max() == 2
    assert objects_from_probability(probability, 50, largest_hole=500).max() == 2


def test_gaps_that_reach_the_edge_of_the_image_are_closed() -> None:
    apart = np.zeros((5, 9), np.int32)
    apart[:, :4], apart[:, 5:] = 1, 2
    found = objects_from_probability(np.stack([apart == 0, apart > 0]).astype(np.float32))
    assert (found > 0).all()


def test_real_gaps_stay_open() -> None:
    mask = np.zeros((10, 20), bool)
    mask[2:8, 2:8] = mask[2:8, 11:18] = True
    found = objects_from_probability(np.stack([~mask, mask]).astype(np.float32))
    np.testing.assert_array_equal(found > 0, mask)


@settings(max_examples=40, deadline=None)
@given(masks, st.integers(0, 3))
def test_growing_stays_beside_the_object_and_in_the_foreground(ids: np.ndarray, seed: int) -> None:
    foreground = np.random.default_rng(seed).random(ids.shape) < 0.7
    grown = grow_back(ids, foreground)
    new = (grown > 0) & (ids == 0)
    assert foreground[new].all()
    for number in np.unique(grown[new]):
        near = ndimage.binary_dilation(ids == number, structure=np.ones((3, 3)))
        assert near[new & (grown == number)].all()


def test_volumes() -> None:
    probability = np.zeros((2, 4, 5, 6), np.float32)
    probability[0] = 1
    assert not objects_from_probability(probability).any()
    probability[1, 1:3, 1:3, 1:3] = 2
    found = objects_from_probability(probability)
    assert found.max() == 1
    assert (found == 1).sum() == 8
