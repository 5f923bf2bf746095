"""Images that are enlarged before the network sees them: what is computed, and exact tiles."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tilings import SMALL, assert_tilings_agree, make
from torch import nn

from napari_unet.networks import registry
from napari_unet.prediction.enlarging import SIZES, Enlarged, enlarging
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.way import Way

CPU = torch.device("cpu")
LARGER = SIZES[1:]


def enlarged(size: Fraction) -> Predictor:
    return Predictor(*make(**SMALL), device=CPU, size=size)


def cubic(t: float) -> float:
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def linear(t: float) -> float:
    return max(0.0, 1 - abs(t))


def resized(rows: np.ndarray, factor: Fraction, weight: Any) -> np.ndarray:
    """The first axis at ``factor`` times its length, pixel by pixel in float64."""
    found = np.zeros((int(len(rows) * factor), *rows.shape[1:]))
    for i in range(len(found)):
        place = (i + 0.5) / float(factor) - 0.5
        for j in range(int(np.floor(place)) - 2, int(np.floor(place)) + 4):
            if 0 <= j < len(rows):
                found[i] += weight(place - j) * rows[j]
    return found


def both(plane: np.ndarray, factor: Fraction, weight: Any) -> np.ndarray:
    """(C, y, x) resized along y and x."""
    there = np.moveaxis(resized(np.moveaxis(plane, 1, 0), factor, weight), 0, 1)
    return np.moveaxis(resized(np.moveaxis(there, 2, 0), factor, weight), 0, 2)


@pytest.mark.parametrize("size", LARGER, ids=str)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("unet", SMALL), ("lunet", {}), ("segnet", dict(registry.spec("segnet").tiny))],
    ids=["unet", "lunet", "without margin"],
)
def test_it_is_the_prediction_of_the_enlarged_image(
    name: str, arguments: dict[str, Any], size: Fraction
) -> None:
    network, geometry = make(name, **arguments)
    plane = np.random.default_rng(0).normal(size=(1, 50, 61)).astype(np.float32)
    more = 240  # far too much image; the enlarged one begins at a multiple of all strides
    wide = np.pad(plane, [(0, 0), (more, 610 - more), (more, 599 - more)], mode="reflect")
    assert wide.shape[1] == wide.shape[2] == 660
    wide = wide[:, :576, :576]
    large = both(wide, size, cubic)
    with torch.no_grad():
        shown = torch.from_numpy(large.astype(np.float32))[None]
        probability = network(shown).softmax(1)[0].double().numpy()
    slow = both(probability, 1 / size, linear)[:, more : more + 50, more : more + 61]
    found = Predictor(network, geometry, device=CPU, size=size).probability(plane)
    np.testing.assert_allclose(found, slow, atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(1, 80),
    size=st.sampled_from(LARGER),
)
def test_whatever_the_tiles_are(height: int, width: int, tile: int, size: Fraction) -> None:
    predictor = enlarged(size)
    assert_tilings_agree(predictor, height, width, tile)


@pytest.mark.parametrize("size", LARGER, ids=str)
def test_nothing_beyond_the_reach_counts(size: Fraction) -> None:
    network, bare = make(**SMALL)
    larger, geometry = enlarging(network, bare, size)
    sides = geometry.output_size((64, 64))
    x = torch.randn(1, 1, *geometry.input_size(sides), requires_grad=True)
    far = 0
    for y in range(0, 64, 7):
        (gradient,) = torch.autograd.grad(larger(x)[0, 0, y, 30], x, retain_graph=True)
        rows = torch.nonzero(gradient[0, 0].abs().sum(1)).flatten() - geometry.border[0]
        far = max(far, *(abs(int(row) - y) for row in (rows.min(), rows.max())))
    assert bare.reach[0] / size < far + 3
    assert far <= geometry.reach[0] <= geometry.border[0]


def test_every_part_of_the_output_says_whether_sizes_fit() -> None:
    for size in LARGER:
        for depth in (1, 2, 3, 4):
            network, bare = make(**{**SMALL, "depth": depth})
            larger, geometry = enlarging(network, bare, size)
            for more in (0, 1):
                out = tuple(
                    b + more * s for b, s in zip(geometry.base, geometry.stride, strict=True)
                )
                size_in = geometry.input_size(out)
                geometry.check_input(size_in)
                assert larger(torch.zeros(1, 1, *size_in)).shape[2:] == out
                assert all(
                    float(n * size) % s == 0 for n, s in zip(size_in, bare.stride, strict=True)
                )


def test_a_constant_stays_one() -> None:
    _, geometry = make(**SMALL)
    larger = Enlarged(nn.Identity(), geometry, Fraction(4, 3))
    np.testing.assert_allclose(larger.there.sum((1, 2, 3)), 1, atol=1e-6)
    np.testing.assert_allclose(larger.back.sum((1, 2, 3)), 1, atol=1e-6)
    assert larger.there.shape == (16, 1, 7, 7)
    assert larger.back.shape == (9, 1, 8, 8)


def test_views_are_averaged_there_too() -> None:
    predictor = enlarged(Fraction(5, 3))
    plane = np.random.default_rng(0).normal(size=(1, 63, 63)).astype(np.float32)
    turned = predictor.probability(np.ascontiguousarray(plane[:, ::-1]), rotations=True)
    np.testing.assert_allclose(
        turned[:, ::-1], predictor.probability(plane, rotations=True), atol=0.2
    )
    assert np.isfinite(turned).all()


def test_folded_and_in_bfloat16_it_is_nearly_the_same() -> None:
    network, geometry = make(**SMALL)
    plane = np.random.default_rng(0).normal(size=(1, 64, 70)).astype(np.float32)
    exact = Predictor(network, geometry, device=CPU, size=Fraction(4, 3)).probability(plane)
    for way, tolerance in ((Way("float32", folded=True), 1e-4), (Way("bf16"), 0.05)):
        other = Predictor(network, geometry, device=CPU, way=way).at_size(Fraction(4, 3))
        np.testing.assert_allclose(other.probability(plane), exact, atol=tolerance)


def test_at_its_own_size_it_is_the_same_predictor() -> None:
    network, geometry = make(**SMALL)
    predictor = Predictor(network, geometry, device=CPU)
    assert predictor.at_size(Fraction(1)) is predictor
    assert enlarging(network, geometry, Fraction(1)) == (network, geometry)
    other = predictor.at_size(Fraction(2))
    assert other.size == 2
    assert other.at_size(Fraction(1)).geometry == geometry
    other.notes.append("said")
    assert predictor.notes == ["said"]


def test_tiles_are_smaller_where_images_are_enlarged() -> None:
    """So that they need about as much memory."""
    network, geometry = make(**{**SMALL, "width": 32})
    predictor = Predictor(network, geometry, device=CPU)
    for shape in ((2000, 2000), (5000, 5000)):
        usual, smaller = (
            max(b - a for one in p.plan(shape) for a, b in one.output)
            for p in (predictor, predictor.at_size(Fraction(2)))
        )
        assert smaller <= 0.8 * usual
