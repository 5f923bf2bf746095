"""Objects made by recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.measurements.objects import METHODS, Recipe, make_objects
from napari_unet.measurements.sources import Source


def pair(gap: int = 0) -> np.ndarray:
    """Two discs that overlap a little, a speck, and a disc on the border."""
    y, x = np.mgrid[:60, :90]
    mask = (np.hypot(y - 25, x - 25) < 12) | (np.hypot(y - 25, x - 46 - gap) < 12)
    mask |= np.hypot(y - 59, x - 75) < 10
    mask[5:7, 80:82] = True
    return mask


def count(mask: np.ndarray, **recipe: Any) -> int:
    return int(make_objects(mask.astype(np.uint8), Recipe(**recipe)).max())


def test_each_method_separates_what_it_is_for() -> None:
    assert count(pair()) == 3
    assert count(pair(), method="distance", apart=8) == 4
    assert count(pair(), method="distance", apart=40) == 3
    assert count(pair(), method="necks", depth=1.0) == 4
    assert count(pair(), method="necks", depth=0.0) == 3
    y, x = np.mgrid[:60, :90]
    hills = [np.exp(-((y - 25) ** 2 + (x - c) ** 2) / 150) for c in (25, 46)]
    likely = np.maximum(*hills).astype(np.float32)
    assert make_objects(likely, Recipe(method="components")).max() == 1
    assert make_objects(likely, Recipe(method="probability", rise=0.1)).max() == 2
    assert make_objects(likely, Recipe(method="probability", rise=0.9)).max() == 1
    assert make_objects(likely, Recipe(method="components", threshold=0.9)).max() == 2


def test_size_holes_and_border() -> None:
    assert count(pair(), min_size=5) == 2
    assert count(pair(), drop_border=True) == 2
    mask = pair()
    mask[24:26, 24:26] = False
    assert not make_objects(mask.astype(np.uint8), Recipe())[24, 24]
    assert make_objects(mask.astype(np.uint8), Recipe(largest_hole=4))[24, 24]


def test_separating_loses_and_adds_no_pixel() -> None:
    mask = pair()
    for method in ("components", "distance", "necks"):
        objects = make_objects(mask.astype(np.uint8), Recipe(method=method))
        np.testing.assert_array_equal(objects != 0, mask)
        assert set(np.unique(objects)) == set(range(objects.max() + 1))


def test_classes_never_share_an_object() -> None:
    classes = pair().astype(np.uint8)
    classes[:, 35:] *= 2
    objects = make_objects(classes, Recipe())
    for number in range(1, objects.max() + 1):
        assert len(np.unique(classes[objects == number])) == 1
    assert objects.max() == 4


def test_ids_stay_as_they_are() -> None:
    ids = np.zeros((20, 30), np.int64)
    ids[2:9, 2:9], ids[2:9, 9:15] = 100_000, 7
    ids[4, 4] = 0
    kept = make_objects(ids, Recipe(method="as they are", largest_hole=3))
    assert set(np.unique(kept)) == {0, 7, 100_000}
    assert kept[4, 4] == 100_000
    assert set(np.unique(make_objects(ids, Recipe(method="as they are", min_size=45)))) == {
        0,
        100_000,
    }


def test_volumes_and_thick_slices() -> None:
    z, y, x = np.mgrid[:12, :40, :70]
    balls = [(3 * (z - 6)) ** 2 + (y - 20) ** 2 + (x - c) ** 2 < 14**2 for c in (20, 44)]
    volume = (balls[0] | balls[1]).astype(np.uint8)
    recipe = Recipe(method="distance", apart=8)
    assert make_objects(volume, recipe, (3.0, 1.0, 1.0)).max() == 2
    assert make_objects(volume, Recipe()).max() == 1


@pytest.mark.parametrize("recipe", [Recipe("distance", apart=10), Recipe("necks", depth=1.5)])
@pytest.mark.parametrize("thickness", [1.0, 4.0])
def test_what_lies_above_one_another_is_separated(recipe: Recipe, thickness: float) -> None:
    z, y, x = np.meshgrid(np.arange(0, 68, thickness), np.arange(44), np.arange(44), indexing="ij")
    middle = (y - 22) ** 2 + (x - 22) ** 2
    balls = ((z - 20) ** 2 + middle < 196) | ((z - 44) ** 2 + middle < 196)
    # The unit is of no account: half the size in all directions is the same picture.
    spacing = (thickness / 2, 0.5, 0.5)
    assert make_objects(balls.astype(np.uint8), recipe, spacing).max() == 2


def test_planes_are_cut_in_pixels() -> None:
    necks, mask = Recipe("necks", depth=1.0), pair().astype(np.uint8)
    for spacing in ((4.0, 1.0), (1.0, 4.0)):
        np.testing.assert_array_equal(
            make_objects(mask, necks, spacing), make_objects(mask, necks, None)
        )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 1])
def test_nothing_and_everything(method: Any, value: int) -> None:
    frame = np.full((8, 9), value, np.float32 if method == "probability" else np.uint8)
    objects = make_objects(frame, Recipe(method=method))
    assert set(np.unique(objects)) == {value}
    assert objects.dtype == np.int32


def test_what_cannot_be_is_a_sentence() -> None:
    with pytest.raises(UserError, match="probability layer"):
        make_objects(np.zeros((4, 4), int), Recipe(method="probability"))
    with pytest.raises(UserError, match="no objects yet"):
        make_objects(np.zeros((4, 4), np.float32), Recipe(method="as they are"))


def test_sources_know_their_frames() -> None:
    likely = np.random.default_rng(0).random((3, 8, 9)).astype(np.float32)
    both = Source.of(np.stack([1 - likely, likely]), 2, probability=True)
    assert both.shape == (3, 8, 9)
    assert both.indices((1,)) == [(1,), (0,), (2,)]
    np.testing.assert_allclose(both.frame((2,)), likely[2], atol=1e-6)
    ids = Source.of(np.arange(72).reshape(8, 9), 2, probability=False)
    assert ids.indices() == [()]
    assert ids.frame(()).dtype.kind == "i"
    with pytest.raises(UserError):
        Source.of(likely * 7, 2, probability=True).frame((0,))
