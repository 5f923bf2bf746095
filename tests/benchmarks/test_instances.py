"""Shells that are learned, and objects grown back from what is left in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.evaluation.matching import measure_overlaps

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _repository_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.parametrize("part", [None, 0.6])
def test_touching_objects_come_back_from_their_middles(part: float | None) -> None:
    from benchmarks.few_shot.sets import Objects
    from benchmarks.instances import grown, shelled

    y, x = np.indices((40, 60))
    ids = np.zeros((40, 60), np.int32)
    ids[np.hypot(y - 20, x - 20) < 11] = 1
    ids[(np.hypot(y - 20, x - 40) < 11) & (ids == 0)] = 2
    shells = shelled(ids, size=20, part=part)
    assert np.array_equal(shells > 0, ids > 0)
    assert (shells == 1).sum() < (shells == 2).sum() * (3 if part is None else 1)
    said = np.eye(3, dtype=np.float32)[shells].transpose(2, 0, 1)
    found = grown(said, Objects(min_size=20, split_depth=1.0, largest_hole=0), least=0.5)
    _, _, overlap = measure_overlaps(found, ids).pairs(0.9)
    assert len(overlap) == found.max() == 2


def test_an_object_that_is_all_shell_is_kept() -> None:
    from benchmarks.few_shot.sets import Objects
    from benchmarks.instances import grown

    said = np.zeros((3, 20, 20), np.float32)
    said[0] = 1
    said[:, 5:10, 5:10] = np.array([0, 0, 1])[:, None, None]
    found = grown(said, Objects(min_size=9, split_depth=1.0, largest_hole=0), least=0.5)
    assert (found > 0).sum() == 25
