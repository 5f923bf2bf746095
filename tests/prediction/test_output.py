"""Classes and uncertainty from probabilities, and where they are put."""

from __future__ import annotations

import math

import numpy as np

from napari_unet.prediction.output import DTYPES, classes, uncertainty, write_tile


def probabilities(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.moveaxis(rng.dirichlet(np.ones(shape[0]), shape[1:]), -1, 0).astype(np.float32)


def test_uncertainty_is_the_entropy_over_ln_classes() -> None:
    probability = probabilities(3, 4, 5)
    result = uncertainty(probability)
    assert result.dtype == np.float32
    for y, x in np.ndindex(4, 5):
        p = probability[:, y, x].astype(float)
        assert math.isclose(result[y, x], -sum(p * np.log(p)) / math.log(3), abs_tol=1e-6)


def test_uncertainty_of_the_sure_and_the_undecided() -> None:
    probability = np.array([[1, 0.25], [0, 0.25], [0, 0.25], [0, 0.25]], np.float32)
    np.testing.assert_array_equal(uncertainty(probability), [0, 1])
    almost = np.full((2, 9), np.nextafter(np.float32(0.5), np.float32(1)))
    assert uncertainty(almost).max() <= 1


def test_classes() -> None:
    result = classes(np.array([[0.2, 0.5, 0.1], [0.3, 0.5, 0.1], [0.5, 0, 0.8]], np.float32))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, [2, 0, 2])


def test_write_tile() -> None:
    arrays = {
        name: np.zeros((*([2] if name == "probability" else []), 3, 8, 9), dtype)
        for name, dtype in DTYPES.items()
    }
    probability = probabilities(2, 4, 5)
    write_tile(arrays, (1,), ((2, 6), (3, 8)), probability)
    np.testing.assert_array_equal(arrays["probability"][:, 1, 2:6, 3:8], probability)
    np.testing.assert_array_equal(arrays["classes"][1, 2:6, 3:8], classes(probability))
    np.testing.assert_array_equal(arrays["uncertainty"][1, 2:6, 3:8], uncertainty(probability))
    assert not arrays["objects"].any()
    arrays["probability"][:, 1, 2:6, 3:8] = 0
    assert not arrays["probability"].any()
