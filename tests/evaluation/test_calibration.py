"""ECE against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.evaluation.calibration import expected_calibration_error, reliability


def slow_ece(probability: np.ndarray, truth: np.ndarray, bins: int) -> float:
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for at in np.ndindex(truth.shape):
        of = probability[(slice(None), *at)]
        sure = of.max()
        for k in range(bins):
            if k / bins < sure <= (k + 1) / bins:
                members[k].append((sure, bool(np.argmax(of) == truth[at])))
    total = 0.0
    for bin_ in filter(None, members):
        confidence = np.mean([s for s, _ in bin_])
        accuracy = np.mean([r for _, r in bin_])
        total += len(bin_) / truth.size * abs(accuracy - confidence)
    return total


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(4, 5), (2, 3, 4)]), st.integers(2, 4))
def test_equals_the_definition(seed: int, shape: tuple[int, ...], classes: int) -> None:
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(classes), shape)
    probability = np.moveaxis(probability, -1, 0)
    truth = rng.integers(0, classes, shape)
    for bins in (1, 10, 15):
        ours = expected_calibration_error(probability, truth, bins)
        assert ours == pytest.approx(slow_ece(probability, truth, bins), abs=1e-9)
    order = rng.permutation(classes)  # names of the classes do not matter
    renamed = expected_calibration_error(probability[order], np.argsort(order)[truth])
    assert renamed == pytest.approx(expected_calibration_error(probability, truth), abs=1e-12)


def test_perfect_and_as_bad_as_it_gets() -> None:
    truth = np.array([[0, 1], [1, 0]])
    sure = np.stack([truth == 0, truth == 1]).astype(np.float32)
    assert expected_calibration_error(sure, truth) == 0
    assert expected_calibration_error(sure, 1 - truth) == 1
    fair = np.full((2, 2, 2), 0.5, np.float32)  # right in half of the pixels
    assert expected_calibration_error(fair, truth) == pytest.approx(0)


def test_ignored_sums_and_diagram() -> None:
    truth = np.array([[0, 1, 1, 0]])
    probability = np.array([[[0.9, 0.2, 0.6, 1.0]], [[0.1, 0.8, 0.4, 0.0]]])
    ignore = np.array([[False, False, True, True]])
    some = reliability(probability, truth, 10, ignore)
    assert some.ece == pytest.approx(0.15)
    assert some.pixels.sum() == 2
    rest = reliability(probability, truth, 10, ~ignore)
    both = some + rest
    assert both.ece == pytest.approx(expected_calibration_error(probability, truth, 10))
    assert np.isnan(some.accuracy[0])
    assert some.confidence[8] == pytest.approx(0.9)
    assert rest.accuracy[5] == 0
    assert np.isnan(reliability(probability, truth, 10, ignore | True).ece)


def test_wrong_input() -> None:
    truth = np.zeros((2, 2), int)
    with pytest.raises(UserError, match="two or more"):
        reliability(np.ones((1, 2, 2)), truth)
    with pytest.raises(UserError, match="two or more"):
        reliability(np.ones((2, 2)), truth)
    with pytest.raises(UserError, match="equal"):
        reliability(np.ones((2, 3, 2)), truth)
    with pytest.raises(UserError, match="0 to 1"):
        reliability(np.full((2, 2, 2), 3.0), truth)
    with pytest.raises(ValueError, match="bins"):
        reliability(np.ones((2, 2, 2)), truth, 5) + reliability(np.ones((2, 2, 2)), truth, 6)
