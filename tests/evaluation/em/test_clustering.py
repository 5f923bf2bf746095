"""Rand and information scores against scikit-image, and against counting pair by pair."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import adapted_rand_error
from skimage.metrics import variation_of_information as skimage_vi

from napari_unet.errors import UserError
from napari_unet.evaluation.em.clustering import (
    RandSums,
    rand_sums,
    v_info,
    v_rand,
    variation_of_information,
)

ids = arrays(np.int32, (4, 5), elements=st.integers(0, 3))
volumes = arrays(np.int32, (2, 3, 4), elements=st.integers(0, 4))
masks = arrays(bool, (4, 5))


def singled(prediction: np.ndarray) -> np.ndarray:
    """Every pixel of 0 gets an id of its own."""
    single = np.arange(prediction.size).reshape(prediction.shape) + 1000
    return np.where(prediction == 0, single, prediction)


def slow_pairs(prediction: np.ndarray, truth: np.ndarray, distinct: bool) -> list[int]:
    inside = truth != 0
    of, to = truth[inside], singled(prediction)[inside]
    both = in_truth = in_prediction = 0
    for a, b in product(range(len(of)), repeat=2):
        if not (distinct and a == b):
            both += of[a] == of[b] and to[a] == to[b]
            in_truth += of[a] == of[b]
            in_prediction += to[a] == to[b]
    return [both, in_truth, in_prediction]


@settings(max_examples=40, deadline=None)
@given(st.tuples(ids, ids) | st.tuples(volumes, volumes), st.booleans())
def test_rand_counts_pairs(pair: tuple[np.ndarray, np.ndarray], distinct: bool) -> None:
    prediction, truth = pair
    both, in_truth, in_prediction = slow_pairs(prediction, truth, distinct)
    score = rand_sums(prediction, truth).agreement(distinct=distinct)
    if not truth.any():
        assert np.isnan(score).all()
    elif in_truth + in_prediction == 0:
        assert score.f == 1
    else:
        assert score.f == pytest.approx(2 * both / (in_truth + in_prediction), abs=1e-12)
        if in_truth and in_prediction:
            assert score.split == pytest.approx(both / in_truth, abs=1e-12)
            assert score.merge == pytest.approx(both / in_prediction, abs=1e-12)


@pytest.mark.parametrize("shape", [(30, 40), (6, 12, 14)])
def test_equals_scikit_image(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(shape))
    truth = np.kron(rng.integers(0, 4, [n // 2 for n in shape]), np.ones((2,) * len(shape), int))
    prediction = np.where(rng.random(shape) < 0.2, rng.integers(0, 5, shape), truth)
    error, swapped_split, swapped_merge = adapted_rand_error(truth, singled(prediction))
    ours = rand_sums(prediction, truth).agreement(distinct=True)
    assert 1 - ours.f == pytest.approx(error, abs=1e-9)
    # scikit-image's "precision" divides by the pairs of the truth, its "recall" by the others.
    assert ours.split == pytest.approx(swapped_split, abs=1e-9)
    assert ours.merge == pytest.approx(swapped_merge, abs=1e-9)
    inside = truth != 0
    split, merge = skimage_vi(truth[inside], singled(prediction)[inside])
    assert variation_of_information(prediction, truth) == pytest.approx((split, merge), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ids, ids)
def test_information_by_its_definition(prediction: np.ndarray, truth: np.ndarray) -> None:
    inside = truth != 0
    if not inside.any():
        assert np.isnan(v_info(prediction, truth)).all()
        assert np.isnan(variation_of_information(prediction, truth)).all()
        return
    of, to = truth[inside].tolist(), singled(prediction)[inside].tolist()

    def entropy(of: list[object]) -> float:
        p = [of.count(x) / len(of) for x in set(of)]
        return -sum(q * np.log2(q) for q in p)

    of_truth, of_prediction = entropy(of), entropy(to)
    mutual = of_truth + of_prediction - entropy(list(zip(of, to, strict=True)))
    score = v_info(prediction, truth)
    expected = 2 * mutual / (of_truth + of_prediction) if of_truth + of_prediction else 1
    assert score.f == pytest.approx(expected, abs=1e-9)
    assert score.split == pytest.approx(mutual / of_prediction if of_prediction else 1, abs=1e-9)
    assert score.merge == pytest.approx(mutual / of_truth if of_truth else 1, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ids, ids, masks)
def test_names_and_what_is_ignored_do_not_matter(
    prediction: np.ndarray, truth: np.ndarray, ignore: np.ndarray
) -> None:
    renamed = np.where(prediction, 900 - 7 * prediction, 0)
    other = np.where(ignore, 3 - prediction, renamed)
    elsewhere = np.where(ignore, 0, truth)
    for score in (v_rand, v_info):
        np.testing.assert_allclose(score(renamed, truth), score(prediction, truth), atol=1e-12)
        np.testing.assert_allclose(
            score(other, truth, ignore), score(prediction, elsewhere), atol=1e-12
        )


@settings(max_examples=40, deadline=None)
@given(ids)
def test_perfect_is_one(truth: np.ndarray) -> None:
    if truth.any():
        for score in (v_rand(truth, truth), v_info(truth, truth)):
            assert score == pytest.approx((1, 1, 1), abs=1e-12)
        assert variation_of_information(truth, truth) == pytest.approx((0, 0), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(ids, ids)
def test_symmetric_where_there_is_no_membrane(a: np.ndarray, b: np.ndarray) -> None:
    a, b = a + 1, b + 1
    for score in (v_rand, v_info):
        f, split, merge = score(a, b)
        assert score(b, a) == pytest.approx((f, merge, split), abs=1e-12)
    assert variation_of_information(a, b) == pytest.approx(
        variation_of_information(b, a)[::-1], abs=1e-12
    )


def test_by_hand() -> None:
    truth = np.array([[1, 1, 0, 2, 2]])
    merged = np.ones((1, 5), int)
    assert v_rand(merged, truth) == pytest.approx((2 / 3, 1, 1 / 2))
    assert v_info(merged, truth) == (0, 1, 0)
    assert variation_of_information(merged, truth) == (0, 1)
    # All taken for membrane: four pixels alone, whatever happens on the true membrane.
    nothing = np.array([[0, 0, 9, 0, 0]])
    assert v_rand(nothing, truth) == pytest.approx((2 / 3, 1 / 2, 1))
    assert v_info(nothing, truth) == pytest.approx((2 / 3, 1 / 2, 1))
    assert variation_of_information(nothing, truth) == (1, 0)


def test_sums_of_images_add() -> None:
    rng = np.random.default_rng(0)
    a, b, c, d = rng.integers(0, 4, (4, 5, 6))
    together = rand_sums(a, b) + rand_sums(c, d)
    apart = rand_sums(np.stack([a, np.where(c, c + 10, 0)]), np.stack([b, np.where(d, d + 10, 0)]))
    assert together == apart
    assert RandSums() + together == together


def test_sizes_must_agree() -> None:
    with pytest.raises(UserError, match="equal"):
        v_rand(np.zeros((2, 2), int), np.zeros((2, 3), int))
