"""The scenes that start weights learn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.start.fields import log_uniform, smooth, spread
from napari_unet.start.scenes import SCENES, develop, draw


@pytest.mark.parametrize(("scene", "often"), SCENES, ids=lambda x: getattr(x, "__name__", None))
def test_every_scene_shows_what_its_ids_say(scene: object, often: float) -> None:
    assert 0 < often < 1
    told = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        picture, ids = scene(rng, 128)  # type: ignore[operator]
        assert picture.shape == ids.shape == (128, 128)
        assert picture.dtype == np.float32
        assert ids.dtype == np.int32
        assert np.isfinite(picture).all()
        assert ids.min() >= 0
        if 0 < (ids > 0).mean() < 1:  # inside and outside differ by grey value or by texture
            rough = np.abs(ndimage.laplace(picture))
            spreads = picture.std() + 1e-6, rough.std() + 1e-6
            inside = ids > 0
            told.append(
                max(
                    abs(picture[inside].mean() - picture[~inside].mean()) / spreads[0],
                    abs(rough[inside].mean() - rough[~inside].mean()) / spreads[1],
                )
            )
    assert len(told) >= 6
    assert np.median(told) > 0.3


def test_the_same_seed_draws_the_same_scene() -> None:
    for seed in (0, 7):
        one, ids = draw(seed, 96)
        again, same = draw(seed, 96)
        assert np.array_equal(one, again)
        assert np.array_equal(ids, same)
    assert not np.array_equal(draw(0, 96)[0], draw(1, 96)[0])


def test_scenes_are_normalised_like_images() -> None:
    for seed in range(5):
        picture, _ = draw(seed, 96)
        np.testing.assert_allclose(np.percentile(picture, (1, 99)), (-1, 1), atol=1e-4)


def test_all_kinds_are_drawn() -> None:
    assert sum(often for _, often in SCENES) == pytest.approx(1)


def test_fields() -> None:
    rng = np.random.default_rng(0)
    for scale in (1, 7.5, 100):
        field = smooth(rng, 90, scale)
        assert field.shape == (90, 90)
        assert field.mean() == pytest.approx(0, abs=1e-4)
        assert field.std() == pytest.approx(1, abs=1e-3)
    assert all(2 <= log_uniform(rng, 2, 3) <= 3 for _ in range(50))
    points = spread(rng, 100, 10)
    assert 80 <= len(points) <= 130


def test_developing_keeps_the_size() -> None:
    rng = np.random.default_rng(3)
    assert develop(rng, np.zeros((32, 32), np.float32)).shape == (32, 32)
