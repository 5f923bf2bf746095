"""The picture of the mistakes against the list of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.evaluation.error_map import error_map


def frames() -> tuple[np.ndarray, np.ndarray]:
    """One mistake of each kind and one good object, ids with gaps."""
    truth, found = np.zeros((2, 40, 60), np.int32)
    truth[2:8, 2:8] = 5  # missed
    found[2:8, 20:28] = 7  # false
    truth[15:25, 2:22] = 9  # split
    found[15:25, 2:12], found[15:25, 12:22] = 100_000, 3
    truth[15:25, 30:40], truth[15:25, 40:50] = 11, 12  # merged
    found[15:25, 30:50] = 8
    truth[30:38, 2:10] = found[30:38, 2:10] = 20
    return found, truth


def test_every_mistake_is_painted_where_it_is() -> None:
    found, truth = frames()
    painted, errors = error_map(found, truth, dims=2)
    assert [e.error.kind for e in errors] == ["missed", "false", "split", "merged"]
    assert [e.number for e in errors] == [1, 2, 3, 4]
    for number, shape in ((1, truth == 5), (2, found == 7), (3, truth == 9), (4, found == 8)):
        np.testing.assert_array_equal(painted == number, shape)
    assert errors[2].box == ((15, 25), (2, 22))
    assert errors[3].position == (19.5, 39.5)


def test_frames_are_compared_by_themselves_and_numbered_on() -> None:
    found, truth = frames()
    painted, errors = error_map(np.stack([truth, found]), np.stack([truth, truth]), dims=2)
    assert not painted[0].any()
    assert [e.index for e in errors] == [(1,)] * 4
    both, twice = error_map(np.stack([found, found]), np.stack([truth, truth]), dims=2)
    assert [e.number for e in twice] == list(range(1, 9))
    assert set(np.unique(both[1])) == {0, 5, 6, 7, 8}
    assert twice[4].position == (1, 4.5, 4.5)


def test_a_small_mistake_lies_on_top_of_a_large_one() -> None:
    truth, found = np.zeros((2, 20, 20), int)
    truth[2:18, 2:18] = 1
    found[8:11, 8:11] = 1
    painted, errors = error_map(found, truth, dims=2)
    assert [e.error.kind for e in errors] == ["missed", "false"]
    assert (painted[8:11, 8:11] == 2).all()
    assert (painted == 1).sum() == 16 * 16 - 9


def test_what_is_ignored_is_not_painted_and_volumes_work() -> None:
    found, truth = frames()
    ignore = np.zeros(truth.shape, bool)
    ignore[:, :30] = True
    painted, errors = error_map(found, truth, ignore, dims=2)
    assert [e.error.kind for e in errors] == ["merged"]
    assert not painted[ignore].any()
    volume, (missed, *_) = error_map(np.stack([found] * 3), np.stack([truth] * 3), dims=3)
    assert volume.shape == (3, 40, 60)
    assert missed.box == ((0, 3), (2, 8), (2, 8))


def test_sizes_that_differ_are_a_sentence() -> None:
    with pytest.raises(UserError, match="must be equal"):
        error_map(np.zeros((4, 5), int), np.zeros((4, 6), int), dims=2)
    assert error_map(np.zeros((4, 5), int), np.zeros((4, 5), int), dims=2)[1] == []
