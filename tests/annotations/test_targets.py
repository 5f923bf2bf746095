"""Class maps from labels of any kind, and lines between touching objects."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.targets import make_target, separate_touching

ids_2d = arrays(
    np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)
)
ids_3d = arrays(np.int32, (3, 4, 4), elements=st.integers(0, 2))


def touching(ids: np.ndarray) -> bool:
    """Slow and obvious: look at all neighbours of all pixels."""
    for place in np.argwhere(ids > 0):
        window = ids[tuple(slice(max(0, p - 1), p + 2) for p in place)]
        if len(set(window[window > 0].tolist())) > 1:
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(st.one_of(ids_2d, ids_3d))
def test_afterwards_no_two_ids_are_adjacent_and_no_pixel_changes_its_id(ids: np.ndarray) -> None:
    separated = separate_touching(ids)
    assert not touching(separated)
    kept = separated > 0
    np.testing.assert_array_equal(separated[kept], ids[kept])


@settings(max_examples=30, deadline=None)
@given(ids_2d)
def test_only_pixels_beside_another_id_are_lost(ids: np.ndarray) -> None:
    lost = (ids > 0) & (separate_touching(ids) == 0)
    for place in np.argwhere(lost):
        # A rescued neighbour may clear a window of 3 x 3 around itself.
        window = ids[tuple(slice(max(0, p - 2), p + 3) for p in place)]
        assert len(set(window[window > 0].tolist())) > 1


def test_the_line_is_thin_and_objects_apart_stay() -> None:
    ids = np.zeros((20, 30), int)
    ids[5:15, 2:10], ids[5:15, 10:18], ids[5:15, 22:28] = 1, 2, 3
    separated = separate_touching(ids)
    assert (separated[ids == 3] == 3).all()
    assert (ids > 0).sum() - (separated > 0).sum() == 10


def test_a_tiny_object_between_others_survives() -> None:
    ids = np.ones((9, 9), int)
    ids[4, 4] = 2
    separated = separate_touching(ids)
    assert separated[4, 4] == 2
    assert not touching(separated)


def test_scribbles() -> None:
    labels = np.array([[0, 1, 2, 3]], np.uint8)
    target = make_target(labels, "scribbles", complete=False)
    assert target.classes.tolist() == [[UNLABELLED, 0, 1, 2]]
    assert target.objects is None
    regions = np.array([[1, 0, 0, 0]])
    assert make_target(labels, "scribbles", complete=True, regions=regions).classes[0, 0] == 0


def test_classes_are_complete_only_where_somebody_said_so() -> None:
    labels = np.array([[0, 0, 1, 255]], np.uint8)
    regions = np.array([[1, 0, 0, 0]])
    whole = make_target(labels, "classes", complete=True)
    part = make_target(labels, "classes", complete=False, regions=regions)
    assert whole.classes.tolist() == [[0, 0, 1, UNLABELLED]]
    assert part.classes.tolist() == [[0, UNLABELLED, 1, UNLABELLED]]


def test_objects_get_a_line_of_background_even_where_nothing_is_complete() -> None:
    labels = np.zeros((6, 8), int)
    labels[1:5, 1:4], labels[1:5, 4:7] = 1, 2
    target = make_target(labels, "objects", complete=False)
    assert target.objects is not None
    assert ndimage.label(target.classes == 1)[1] == 2
    assert (target.classes[labels == 0] == UNLABELLED).all()
    assert (target.classes == 0).sum() == 4


def test_diagonal_neighbours_touch() -> None:
    objects = np.zeros((6, 6), int)
    objects[:3, :3], objects[3:, 3:] = 1, 2
    separated = separate_touching(objects)
    assert separated[3, 3] == 0
    assert (separated != objects).sum() == 1


def test_an_island_keeps_its_pixel_and_the_sea_gives_way() -> None:
    objects = np.ones((7, 7), int)
    objects[3, 3] = 2
    separated = separate_touching(objects)
    assert separated[3, 3] == 2
    assert (separated == 1).sum() == 49 - 9
