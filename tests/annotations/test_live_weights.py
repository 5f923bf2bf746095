"""The live map equals the definition, quickly; gaps are measured and sigma follows from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.annotations.boundary_weights import class_balance, reach_of
from napari_unet.annotations.gaps import Gap, measure_gaps, suggest_sigma
from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.annotations.live_weights import LiveWeights
from napari_unet.annotations.targets import Target, make_target
from napari_unet.synthetic import touching_cells


def slow(target: Target, w0: float, sigma: float, balance: float) -> np.ndarray:
    """Eq. 2 in float64: one distance transform an object, the two smallest."""
    ids = np.unique(target.objects[target.objects > 0])
    all_distances = [ndimage.distance_transform_edt(target.objects != i) for i in ids]
    d1, d2 = np.sort(all_distances, axis=0)[:2].astype(np.float64)
    border = np.where(target.objects == 0, w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)), 0)
    known = target.classes != UNLABELLED
    counts = np.bincount(target.classes[known], minlength=2)
    table = np.array([*class_balance(counts, balance), *[0.0] * 254])
    return np.where(known, table[target.classes] + border, 0)


@pytest.mark.parametrize(
    "constants", [(10.0, 5.0, 0.35), (50.0, 3.0, 1.0), (2.0, 9.0, 0.0), (0.0, 5.0, 0.5)]
)
@pytest.mark.parametrize("complete", [True, False])
def test_equals_the_definition(constants: tuple[float, float, float], complete: bool) -> None:
    _, objects = touching_cells(128, 14, seed=3)
    regions = np.zeros(objects.shape, np.uint8)
    regions[:, :70] = 1
    target = make_target(objects, "objects", complete=complete, regions=regions)
    live = LiveWeights(target, reach_of(*constants[:2]))
    assert live.enough(*constants[:2])
    assert not LiveWeights(target).enough(10, 5)
    weights = live.weights(*constants)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, slow(target, *constants), atol=1e-4)


def test_labels_without_ids_have_class_weights_only() -> None:
    classes = np.zeros((20, 20), np.uint8)
    classes[5:9, 5:9] = 1
    live = LiveWeights(make_target(classes, "classes", complete=True), 30)
    assert live.enough(10, 5)
    assert len(np.unique(live.weights(10, 5, 1.0))) == 2


def gap_picture() -> np.ndarray:
    objects = np.zeros((40, 60), np.int32)
    objects[5:15, 5:15] = 7
    objects[5:15, 15:25] = 9  # touches 7
    objects[5:15, 29:40] = 20  # 4 background pixels from 9
    objects[30:38, 5:15] = 30  # far from all
    return objects


def test_gaps_between_neighbours() -> None:
    target = make_target(gap_picture(), "objects", complete=True)
    gaps = measure_gaps(target, LiveWeights(target, 40).nearest, 12)
    assert [(gap.ids, gap.width) for gap in gaps] == [((7, 9), 2.0), ((9, 20), 5.0)]
    assert all(gap.labelled for gap in gaps)
    y, x = gaps[1].place
    assert 5 <= y < 15
    assert 25 <= x < 29
    assert gaps[0].protected(10, 1.0)
    assert not gaps[1].protected(10, 1.0)


def test_an_unlabelled_gap_is_not_protected() -> None:
    target = make_target(gap_picture(), "objects", complete=False)
    gaps = measure_gaps(target, LiveWeights(target, 40).nearest, 12)
    assert [gap.labelled for gap in gaps] == [True, False]  # the line between 7 and 9 is known
    assert gaps[1].weight(100, 50) == 0


def test_sigma_protects_nine_of_ten_gaps() -> None:
    gaps = [Gap((1, 2), float(w), (0, 0), True) for w in range(2, 12)]
    sigma = suggest_sigma(gaps, 10)
    assert sigma is not None
    assert [gap.protected(10, sigma) for gap in gaps] == [True] * 9 + [False]
    assert not gaps[8].protected(10, sigma - 0.1)
    assert suggest_sigma(gaps, 1.0) is None
    assert suggest_sigma([], 10) is None
