"""MONAI's networks, where MONAI is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.networks import monai, registry
from napari_unet.networks.geometry import Geometry
from napari_unet.networks.spec import NetworkSpec
from napari_unet.prediction.predictor import Predictor


def test_there_are_none_without_monai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monai, "find_spec", lambda name: None)
    assert monai.networks() == []
    monkeypatch.setattr(monai, "find_spec", find_spec)
    assert len(monai.networks()) == (0 if find_spec("monai") is None else 4)
    assert "napari_unet.networks.monai_layers" not in sys.modules


NORMALISATIONS = (
    *(nn.BatchNorm2d, nn.BatchNorm3d),
    *(nn.InstanceNorm2d, nn.InstanceNorm3d),
    nn.GroupNorm,
)
needs_monai = pytest.mark.skipif(find_spec("monai") is None, reason="MONAI is not installed")
ALL = [pytest.param(one, d, id=f"{one.name}-{d}d") for one in monai.NETWORKS for d in one.dims]


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this package had been installed since it has the entry point."""
    known = {one.name: one for one in monai.NETWORKS}
    monkeypatch.setattr(registry, "_networks", lambda: known)


def make(one: NetworkSpec, dims: int, classes: int = 2, **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    return registry.build(
        one.name,
        dims=dims,
        in_channels=2,
        out_channels=classes,
        arguments={**one.tiny, **arguments},
    )


def sizes_of(one: NetworkSpec, dims: int) -> Geometry:
    return registry.geometry(one.name, one.tiny, dims)


@needs_monai
@pytest.mark.parametrize(("one", "dims"), ALL)
def test_sizes_gradients_and_head(one: NetworkSpec, dims: int) -> None:
    sizes = sizes_of(one, dims)
    network = make(one, dims, classes=3)
    size = tuple((2 + axis) * s for axis, s in enumerate(sizes.stride))
    out = network(torch.randn(2, 2, *size))
    assert out.shape == (2, 3, *size)
    out.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    few, many = network.state_dict(), make(one, dims, classes=5).state_dict()
    assert few.keys() == many.keys()
    differing = {key for key in few if few[key].shape != many[key].shape}
    assert differing
    assert all(key.startswith("head") for key in differing)


@needs_monai
@pytest.mark.parametrize(("one", "dims"), [p for p in ALL if p.values[1] == 2])
def test_reach_is_the_measured_one(one: NetworkSpec, dims: int) -> None:
    """With the normalisations taken out, which could carry farther."""
    sizes = sizes_of(one, dims)
    network = make(one, dims).double().eval()
    for name, module in list(network.named_modules()):
        parent = network.get_submodule(name.rpartition(".")[0])
        if isinstance(module, NORMALISATIONS):
            setattr(parent, name.rpartition(".")[2], nn.Identity())
        elif isinstance(module, (nn.ReLU, nn.LeakyReLU, nn.PReLU)):
            setattr(parent, name.rpartition(".")[2], nn.Softplus())
        elif isinstance(module, (nn.MaxPool2d, nn.MaxPool3d)):
            setattr(parent, name.rpartition(".")[2], (nn.AvgPool2d, nn.AvgPool3d)[dims - 2](2))
    stride, reach = sizes.stride[0], sizes.reach[0]
    around = -(-(reach + stride) // stride) * stride
    size = [2 * around + stride] + [2 * stride] * (dims - 1)
    x = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
    out = network(x)
    measured = 0
    for phase in range(stride):
        (gradient,) = torch.autograd.grad(out[0, 0, around + phase].sum(), x, retain_graph=True)
        seen = gradient[0].abs().flatten(2).sum((0, 2)).nonzero().flatten() - around - phase
        measured = max(measured, -int(seen[0]), int(seen[-1]))
    assert measured == reach


@needs_monai
@pytest.mark.parametrize(("one", "dims"), [p for p in ALL if p.values[1] == 2])
def test_tiles_and_boxes_are_exact_or_blended(one: NetworkSpec, dims: int) -> None:
    """Tiles are exact with batch normalisation; windows are the same whatever is asked for."""
    network, sizes = make(one, dims), sizes_of(one, dims)
    network.train()(torch.randn(4, 2, *(4 * s for s in sizes.stride)))
    predictor = Predictor(network, sizes, device=torch.device("cpu"))
    plane = np.random.default_rng(0).normal(size=(2, 75, 90)).astype(np.float32)
    whole = predictor.probability(plane)
    np.testing.assert_allclose(predictor.probability(plane, tile=32), whole, atol=1e-4)
    part = predictor.probability(plane, box=((20, 41), (3, 90)))
    np.testing.assert_allclose(part, whole[:, 20:41, 3:], atol=1e-4)


def test_which_tiles_are_exact() -> None:
    for name in ("monai_basicunet", "monai_unet"):
        assert registry.geometry(name, {"norm": "batch"}).tile_exact
        assert not registry.geometry(name, {}).tile_exact
    # What leaves its gates is normalised by instance.
    assert not registry.geometry("monai_attentionunet", {}).tile_exact
    assert not registry.geometry("monai_segresnet", {}).tile_exact


@needs_monai
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("monai_basicunet", 1_978_466),
        ("monai_unet", 1_625_161),
        ("monai_attentionunet", 31_739_250),
        ("monai_segresnet", 394_986),
    ],
)
def test_nothing_is_lost_in_the_split(name: str, count: int) -> None:
    """As many parameters as the network has when MONAI builds it."""
    with torch.device("meta"):
        network = registry.build(name, dims=2, in_channels=1, out_channels=2, arguments={})
    assert sum(p.numel() for p in network.parameters()) == count
