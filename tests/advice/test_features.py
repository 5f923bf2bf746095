"""Features of drawn images whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.advice.features import BAND, edge_width, features_of, gaps
from napari_unet.annotations.kinds import LabelKind
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage


def labelled(pixels: np.ndarray, labels: np.ndarray, kind: LabelKind = "objects") -> LabelledImage:
    axes = "yxc" if pixels.ndim == 3 else "yx"
    return LabelledImage(
        Image("a", pixels, axes), Image("a", labels, "yx"), kind, complete=kind != "scribbles"
    )


def squares(side: int = 20, gap: int = 6, number: int = 4) -> np.ndarray:
    """Squares of ``side`` in a grid with ``gap`` between them."""
    size = number * (side + gap) + gap
    ids = np.zeros((size, size), np.int32)
    for k in range(number * number):
        y, x = (gap + place * (side + gap) for place in divmod(k, number))
        ids[y : y + side, x : x + side] = k + 1
    return ids


def test_squares() -> None:
    ids = squares()
    noise = np.random.default_rng(0).normal(0, 10, ids.shape)
    found = features_of([labelled(100 + 30 * (ids > 0) + noise, ids)])
    assert found.objects == 16
    assert found.classes == 2
    assert found.size == ids.shape
    assert found.diameter == found.large == pytest.approx(2 * 20 / np.sqrt(np.pi))
    assert found.foreground == pytest.approx((ids > 0).mean())
    assert found.irregularity == pytest.approx(0, abs=0.01)
    assert found.gap == pytest.approx(6, abs=1)
    assert found.crowded == 0
    assert found.contrast == pytest.approx(3, rel=0.2)
    assert found.blur is not None
    assert found.blur < 2


def test_of_classes_which_join_what_touches_the_width_counts() -> None:
    """A net of corridors, one connected part: as objects it would be as large as the image."""
    corridors = (squares(side=40, gap=11) == 0)[11:-11, 11:-11].astype(np.int32)
    noise = np.random.default_rng(0).normal(0, 10, corridors.shape)
    found = features_of([labelled(100 + 30 * corridors + noise, corridors, "classes")])
    assert found.objects == 1
    assert found.large is not None
    assert 11 <= found.large <= 2 * 11
    everything = np.ones_like(corridors)
    found = features_of([labelled(noise, everything, "classes")])
    assert found.large == min(corridors.shape)


@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_blur_is_the_width_of_the_edge(sd: float) -> None:
    """A step after a Gaussian rises from 10 % to 90 % over 2.563 standard deviations."""
    inside = np.zeros((80, 80), bool)
    inside[:, 40:] = True
    grey = ndimage.gaussian_filter(100.0 * inside, sd)
    depth = ndimage.distance_transform_edt
    signed = np.where(inside, depth(inside), -depth(~inside))
    (width,) = edge_width(grey, signed, np.ones(inside.shape, bool))
    assert width == pytest.approx(2.563 * sd, rel=0.15)


def test_no_edge_no_blur() -> None:
    inside = np.zeros((80, 80), bool)
    inside[:, 40:] = True
    signed = np.where(inside, 1.0, -1.0) * np.abs(np.arange(80) - 39.5)
    assert edge_width(np.zeros((80, 80)), signed, np.ones(inside.shape, bool)) == []
    assert edge_width(np.ones((80, 80)), np.full((80, 80), 3.0), np.ones(inside.shape, bool)) == []


def test_an_edge_that_is_steep_outside_of_where_we_look_has_no_width() -> None:
    """Six rings outside, six inside: the outermost is brighter than all that follows it."""
    signed = np.repeat(np.array([*range(-BAND, 0), *range(1, BAND + 1)], float), 20)
    grey = np.repeat(np.array([4.0] + [0.0] * (BAND - 1) + [3.0] * BAND), 20)
    assert edge_width(grey, signed, np.ones(grey.shape, bool)) == []


def test_gaps_are_pixels_between() -> None:
    ids = np.zeros((30, 60), np.int32)
    ids[5:25, 5:15], ids[5:25, 19:30], ids[5:25, 45:55] = 1, 2, 3
    assert sorted(gaps(ids)) == pytest.approx([4, 4, 15], abs=1)
    assert gaps(np.where(ids == 1, 1, 0)) == []
    assert gaps(np.zeros((5, 5), np.int32)) == []


def test_irregular_shapes() -> None:
    ids = np.zeros((60, 60), np.int32)
    ids[5:55, 5:15] = ids[45:55, 5:55] = 1  # an L
    found = features_of([labelled(np.zeros((60, 60)), ids)])
    assert found.irregularity is not None
    assert found.irregularity > 0.3
    assert found.gap is None
    assert found.contrast is None


def test_strokes_show_no_sizes() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[5, 5:30], labels[30, 5:30] = 1, 2
    pixels = np.random.default_rng(0).normal(0, 1, (40, 40, 3))
    pixels[30] += 5
    found = features_of([labelled(pixels, labels, "scribbles")])
    assert (found.diameter, found.large, found.gap, found.blur, found.thickness) == (None,) * 5
    assert found.contrast is not None
    assert found.contrast > 3
    assert found.channels == 3
    assert found.labelled == pytest.approx(50 / 1600)


def test_nothing_or_nonsense() -> None:
    empty = np.zeros((20, 20), np.uint8)
    with pytest.raises(UserError, match="Nothing is labelled"):
        features_of([labelled(empty, empty, "scribbles")])
    with pytest.raises(UserError, match="a: "):
        features_of([labelled(empty, np.full((20, 20), -1), "classes")])
    found = features_of([labelled(empty, empty, "classes")])
    assert (found.foreground, found.objects, found.diameter) == (0, 0, None)


def test_outside_regions_nothing_is_background() -> None:
    ids = squares()
    inside = np.zeros(ids.shape, np.uint8)
    inside[:, : ids.shape[1] // 2] = 1
    image = Image("a", 100 + 30.0 * (ids > 0), "yx")
    one = LabelledImage(image, Image("a", ids, "yx"), "objects", regions=Image("a", inside, "yx"))
    found = features_of([one])
    known = (inside | (ids > 0)) > 0
    assert found.labelled == pytest.approx(known.mean())
    assert found.foreground == pytest.approx((ids > 0).sum() / known.sum())


def test_what_nobody_labelled_is_no_foreground() -> None:
    pixels = np.random.default_rng(0).random((3, 64, 64))
    labels = np.full((3, 64, 64), 255, np.uint8)
    labels[0, :32], labels[0, 32:] = 0, 1
    labels[1, :32] = 0
    stack = [Image("stack", array, "tyx") for array in (pixels, labels)]
    found = features_of([LabelledImage(stack[0], stack[1], "classes", complete=True)])
    assert found.labelled == 0.5
    assert found.foreground == pytest.approx(1 / 3)


def test_without_any_background_there_is_no_width() -> None:
    found = features_of([labelled(np.zeros((40, 40)), np.ones((40, 40), np.int32))])
    assert found.thickness is None
