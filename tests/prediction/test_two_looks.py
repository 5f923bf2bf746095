"""A second look at half the size: what it computes, and that tiles stay exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tilings import SMALL, assert_tilings_agree, make
from torch import nn

from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.two_looks import TwoLooks, looking_twice

CPU = torch.device("cpu")


def looking(network: nn.Module, geometry: Geometry, share: float) -> Predictor:
    return Predictor(*looking_twice(network, geometry, share), device=CPU)


def mirrored(plane: np.ndarray, more: int) -> np.ndarray:
    """(C, y, x) with ``more`` pixels on each side, the edge pixels not repeated."""
    return np.pad(plane, [(0, 0), (more, more), (more, more)], mode="reflect")


def slow(network: nn.Module, plane: np.ndarray, share: float) -> np.ndarray:
    """Each size by itself, on far too much image, with loops for halving and doubling."""
    more, (height, width) = 256, plane.shape[1:]
    wide = mirrored(plane, more)
    wide = wide[:, : wide.shape[1] // 64 * 64, : wide.shape[2] // 64 * 64]
    pooled = sum(wide[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
    with torch.no_grad():
        whole, half = (
            network(torch.from_numpy(x)[None]).softmax(1)[0].double().numpy()
            for x in (wide, pooled.astype(np.float32))
        )
    doubled = np.empty_like(whole)
    for y in range(1, doubled.shape[1] - 1):
        # Output pixel y has its centre at (y + 1/2) / 2 - 1/2 of the half-sized image.
        place = (y + 0.5) / 2 - 0.5
        low = int(np.floor(place))
        rows = half[:, low] * (low + 1 - place) + half[:, low + 1] * (place - low)
        at = (np.arange(1, doubled.shape[2] - 1) + 0.5) / 2 - 0.5
        left = np.floor(at).astype(int)
        doubled[:, y, 1:-1] = rows[:, left] * (left + 1 - at) + rows[:, left + 1] * (at - left)
    mean = (1 - share) * whole + share * doubled
    return mean[:, more : more + height, more : more + width]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("unet", SMALL), ("lunet", {}), ("segnet", dict(registry.spec("segnet").tiny))],
    ids=["unet", "lunet", "without margin"],
)
def test_it_is_the_mean_of_two_sizes(name: str, arguments: dict[str, Any]) -> None:
    network, geometry = make(name, **arguments)
    assert geometry.resizable
    plane = np.random.default_rng(0).normal(size=(1, 260, 271)).astype(np.float32)
    found = looking(network, geometry, 0.3).probability(plane)
    np.testing.assert_allclose(found, slow(network, plane, 0.3), atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(1, 80),
    share=st.floats(0.05, 0.95),
)
def test_whatever_the_tiles_are(height: int, width: int, tile: int, share: float) -> None:
    network, geometry = make(**SMALL)
    predictor = looking(network, geometry, share)
    assert_tilings_agree(predictor, height, width, tile)


def test_nothing_beyond_the_reach_counts_and_half_of_it_is_not_enough() -> None:
    network, bare = make(**SMALL)
    twice, geometry = looking_twice(network, bare, 0.5)
    x = torch.randn(1, 1, *geometry.input_size((64, 64)), requires_grad=True)
    far = 0
    for y in range(0, 64, 7):
        (gradient,) = torch.autograd.grad(twice(x)[0, 0, y, 30], x)
        rows = torch.nonzero(gradient[0, 0].abs().sum(1)).flatten() - geometry.border[0]
        far = max(far, *(abs(int(row) - y) for row in (rows.min(), rows.max())))
    assert bare.reach[0] < far <= geometry.reach[0]
    assert geometry.border[0] >= far


def test_views_are_averaged_over_both_sizes() -> None:
    network, geometry = make(**SMALL)
    predictor = looking(network, geometry, 0.3)
    plane = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    turned = predictor.probability(np.ascontiguousarray(plane[:, ::-1]), rotations=True)
    np.testing.assert_allclose(
        turned[:, ::-1], predictor.probability(plane, rotations=True), atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "arguments", "dims"),
    [
        ("unet", {"padding": "valid"}, 2),
        ("unet", SMALL, 3),
        ("transunet", dict(registry.spec("transunet").tiny), 2),
    ],
    ids=["valid", "volume", "not tile-exact"],
)
def test_where_there_is_no_second_look(name: str, arguments: dict[str, Any], dims: int) -> None:
    geometry = registry.geometry(name, arguments, dims)
    network = nn.Identity()
    assert not geometry.resizable
    assert looking_twice(network, geometry, 0.3) == (network, geometry)
    assert geometry.predicting(0.3) == geometry


def test_a_share_of_nothing_is_one_look() -> None:
    network, geometry = make(**SMALL)
    assert looking_twice(network, geometry, 0.0) == (network, geometry)
    assert isinstance(looking_twice(network, geometry, 0.1)[0], TwoLooks)


def test_a_class_that_is_impossible_stays_so() -> None:
    """No logarithm of nothing, which would be no number in what follows."""
    network, geometry = make(**SMALL)
    with torch.no_grad():
        network.head.bias[1] = -1e4  # type: ignore[index,union-attr,operator]
    found = looking(network, geometry, 0.3).probability(np.zeros((1, 20, 20), np.float32))
    assert np.isfinite(found).all()
    assert found[1].max() < 1e-30
