"""What is suggested, and why."""

from __future__ import annotations

import itertools

import numpy as np

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.guidance import Weights, draw, is_crowded, rank, rank_planes, terms_of
from napari_unet.guidance.terms import windows

SHAPE = (128, 192)


def certain(classes: int = 2) -> np.ndarray:
    """Everything is background for sure."""
    made = np.full((classes, *SHAPE), 0.001, np.float32)
    made[0] = 1 - 0.001 * (classes - 1)
    return made


def nothing() -> np.ndarray:
    return np.full(SHAPE, UNLABELLED, np.uint8)


def inside(box: tuple[tuple[int, int], ...], y: int, x: int) -> bool:
    return box[0][0] <= y < box[0][1] and box[1][0] <= x < box[1][1]


def test_the_uncertain_place_comes_first() -> None:
    probability = certain()
    probability[:, 70:100, 130:160] = 0.5
    [first, *_] = rank(terms_of(probability, nothing(), side=32))
    assert inside(first.box, 85, 145)
    assert first.reasons[0].startswith("uncertain")


def test_what_is_labelled_already_is_not_suggested() -> None:
    probability = certain()
    probability[:, 70:100, 130:160] = 0.5
    labels = nothing()
    labels[64:128, 96:192] = 0
    for one in rank(terms_of(probability, labels, side=32)):
        assert not inside(one.box, 85, 145)
    labels[:] = 0
    assert rank(terms_of(probability, labels)) == []


def test_what_looks_unlike_anything_labelled() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(100, 3, (1, *SHAPE))
    image[0, 20:60, 20:60] += np.where(np.indices((40, 40)).sum(0) % 4 < 2, 40, -40)
    labels = nothing()
    labels[100:120, 100:180] = 0
    only = Weights(uncertain=0, unlike=1, rare=0)
    [first, *_] = rank(terms_of(certain(), labels, image, side=32), weights=only)
    assert inside(first.box, 40, 40)
    assert "unlike anything labelled" in first.reasons[0]


def test_a_rare_class_is_named() -> None:
    probability = certain(3)
    probability[:, 10:40, 10:40] = np.array([0.05, 0.05, 0.9])[:, None, None]
    probability[:, 80:110, 120:150] = np.array([0.05, 0.9, 0.05])[:, None, None]
    labels = nothing()
    labels[60:70], labels[71:76, 40:60] = 0, 1
    only = Weights(uncertain=0, unlike=0, rare=1)
    names = ("background", "cell", "mitosis")
    [first, *_] = rank(terms_of(probability, labels, side=32), names=names, weights=only)
    assert inside(first.box, 25, 25)
    assert first.reasons == ("mitosis is rare among the labels",)


def test_suggestions_hardly_overlap_and_planes_compete() -> None:
    rng = np.random.default_rng(1)
    noisy = rng.dirichlet((1, 1), SHAPE).transpose(2, 0, 1).astype(np.float32)
    planes = [((0,), terms_of(certain(), nothing())), ((1,), terms_of(noisy, nothing()))]
    found = rank_planes(planes, count=6)
    assert len(found) == 6
    assert {one.index for one in found[:3]} == {(1,)}
    assert all(a.score >= b.score for a, b in itertools.pairwise(found))
    for i, one in enumerate(found):
        for other in found[:i]:
            if one.index != other.index:
                continue
            rows = min(one.box[0][1], other.box[0][1]) - max(one.box[0][0], other.box[0][0])
            columns = min(one.box[1][1], other.box[1][1]) - max(one.box[1][0], other.box[1][0])
            assert max(0, rows) * max(0, columns) <= 0.2 * 64 * 64


def test_windows_cover_everything_and_volumes_work() -> None:
    covered = np.zeros((50, 130), int)
    for (a, b), (c, d) in windows(covered.shape, 64):
        covered[a:b, c:d] += 1
    assert covered.min() > 0
    volume = np.full((2, 12, 40, 40), 0.5, np.float32)
    labels = np.full((12, 40, 40), UNLABELLED, np.uint8)
    image = np.random.default_rng(0).normal(size=(1, 12, 40, 40))
    assert rank(terms_of(volume, labels, image, side=16))[0].box


def test_the_yardstick_prefers_foreground_and_repeats_itself() -> None:
    probability = certain()
    probability[:, 70:100, 130:160] = np.array([0.05, 0.95])[:, None, None]
    planes = [((), terms_of(probability, nothing(), side=32))]
    hits = sum(inside(draw(planes, count=1, seed=s)[0].box, 85, 145) for s in range(40))
    assert hits > 5
    assert draw(planes, seed=3) == draw(planes, seed=3)
    assert draw([((), terms_of(probability, np.zeros(SHAPE, np.uint8)))]) == []


def test_crowded_where_classes_meet_nearly_everywhere() -> None:
    sparse = certain()
    sparse[:, 70:100, 130:160] = np.array([0.05, 0.95])[:, None, None]
    stripes = certain()
    stripes[:, :, ::16] = np.array([0.05, 0.95])[:, None, None]
    kinds = [[((), terms_of(one, nothing(), side=32))] for one in (sparse, stripes)]
    assert [is_crowded(planes) for planes in kinds] == [False, True]
    assert not is_crowded([])
