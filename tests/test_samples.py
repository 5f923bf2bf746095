"""The samples are what they say they are."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Layer
from scipy import ndimage

from napari_unet import samples
from napari_unet.errors import UserError
from napari_unet.samples import Stroke, coins
from napari_unet.synthetic import touching_cells


def test_strokes_and_scored_part_do_not_meet() -> None:
    sample = coins()
    strokes = sample.scribbles()
    painted = np.flatnonzero(strokes.any(axis=1))
    outlined = np.flatnonzero(sample.objects().any(axis=1))
    assert sample.train_rows[0] <= painted.min()
    assert painted.max() < sample.train_rows[1] < sample.scored_rows[0]
    assert sample.scored_rows[0] <= outlined.min()
    assert outlined.max() < sample.scored_rows[1] == len(sample.image)
    assert set(np.unique(strokes)) == {0, 1, 2}
    assert 0.01 < (strokes > 0).mean() < 0.1


def test_every_outlined_coin_is_one_piece_of_the_size_of_its_outline() -> None:
    sample = coins()
    objects = sample.objects()
    assert objects.max() == len(sample.outlines) == 12
    for number, outline in enumerate(sample.outlines, 1):
        mask = objects == number
        x, y = outline.T
        area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        assert ndimage.label(mask)[1] == 1
        assert mask.sum() == pytest.approx(area, rel=0.01)
        centre = [(c.min() + c.max() + 1) / 2 for c in np.nonzero(mask)]
        # half a pixel of shift would show here
        assert centre == pytest.approx([(y.min() + y.max()) / 2, (x.min() + x.max()) / 2], abs=0.6)


def test_outlines_lie_on_edges_of_the_picture() -> None:
    sample = coins()
    smooth = ndimage.gaussian_filter(sample.image.astype(float), 1)
    for number in range(1, 13):
        mask = sample.objects() == number
        inside = smooth[mask & ~ndimage.binary_erosion(mask, iterations=3)]
        outside = smooth[ndimage.binary_dilation(mask, iterations=3) & ~mask]
        assert inside.mean() > outside.mean() + 25


def test_a_stroke_is_as_wide_as_it_says() -> None:
    stroke = Stroke(1, 4, ((3.0, 10.0), (17.0, 10.0)))
    mask = samples._near(stroke, (20, 20))
    assert mask[8:12, 3:17].all()
    assert not mask[:8].any()
    assert not mask[12:].any()


def test_another_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skimage.data.coins", lambda: np.zeros((303, 384), np.uint8))
    with pytest.raises(UserError, match="not the one"):
        coins.__wrapped__()


@pytest.mark.parametrize("make", [samples.coins_layers, samples.touching_cells_layers])
def test_layers_open_in_napari_without_a_network(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    coins.cache_clear()
    image, labels = (Layer.create(*layer) for layer in make())
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert labels.data.shape == image.data.shape
    assert labels.name.startswith(image.name)


def test_painting_on_a_sample_does_not_change_the_next_one() -> None:
    first = samples.coins_layers()[1][0]
    first[:] = 1
    assert samples.coins_layers()[1][0].min() == 0


@settings(max_examples=8, deadline=None)
@given(number=st.integers(1, 12), seed=st.integers(0, 1000))
def test_cells_are_whole_and_counted_exactly(number: int, seed: int) -> None:
    image, objects = touching_cells(128, number, seed, radius=9)
    assert (image.dtype, objects.dtype) == (np.uint8, np.int32)
    assert np.unique(objects).tolist() == list(range(number + 1))
    for cell in range(1, number + 1):
        assert ndimage.label(objects == cell)[1] == 1
    again = touching_cells(128, number, seed, radius=9)
    np.testing.assert_array_equal(image, again[0])
    np.testing.assert_array_equal(objects, again[1])


def test_most_cells_touch_another_with_no_background_between() -> None:
    _, objects = touching_cells()
    touching = set()
    for a, b in ((objects[1:], objects[:-1]), (objects[:, 1:], objects[:, :-1])):
        meet = (a != b) & (a > 0) & (b > 0)
        touching |= set(a[meet].tolist()) | set(b[meet].tolist())
    assert len(touching) >= 30


def test_other_seeds_make_other_cells() -> None:
    assert (touching_cells(seed=0)[1] != touching_cells(seed=1)[1]).any()


def test_too_many_cells_are_refused() -> None:
    with pytest.raises(UserError, match="ask for fewer"):
        touching_cells(64, 50)
