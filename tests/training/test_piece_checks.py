"""Folds, splits and merges are seen; rotations and mirrors are none of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.training.piece_checks import check_piece, folded_part, foreground_objects


def plain(side: int = 40) -> np.ndarray:
    axis = np.arange(side) - (side - 1) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)


@pytest.mark.parametrize("turn", [0.0, 0.7, np.pi / 2])
@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_a_rigid_map_does_not_fold(turn: float, mirror: float) -> None:
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assert folded_part(plain() @ turned * [1.0, mirror] * 1.2) == 0


def test_a_reversal_folds() -> None:
    grid = plain()
    grid[..., 1] += 8 * np.sin(grid[..., 1] / 3)  # slope -8/3 at its steepest
    assert 0.2 < folded_part(grid) < 0.5
    grid = plain()
    grid[..., 1] += 2 * np.sin(grid[..., 1] / 3)  # slope at least 1 - 2/3
    assert folded_part(grid) == 0


def test_objects_are_the_connected_foreground() -> None:
    classes = np.array([[1, 1, 0, 2], [255, 0, 0, 2]], np.uint8)
    np.testing.assert_array_equal(foreground_objects(classes), [[1, 1, 0, 2], [0, 0, 0, 2]])


def test_split_and_merged() -> None:
    before = np.zeros((40, 40), np.int32)
    before[5:35, 5:12], before[5:35, 13:20], before[5:35, 25:30] = 1, 2, 3
    same = check_piece(plain(), before, before)
    assert (same.objects, same.split, same.merged, same.damaged) == (3, 0, 0, 0)
    after = before.copy()
    after[5:20, 12] = 1  # now touches 2
    after[18:22, 25:30] = 0  # 3 in two parts
    found = check_piece(plain(), before, after)
    assert (found.split, found.merged) == (1, 1)
    after[0] = 3  # cut by the edge: nobody knows whether it was split
    assert check_piece(plain(), before, after).split == 0
