"""Batch normalisation folded into convolutions: the same result with less to compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from trained_networks import LIVE, trained, unet
from without_float64 import on_apple_gpu

from napari_unet.networks import registry
from napari_unet.prediction.folding import fold, foldable
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.way import Way


@pytest.mark.parametrize("dims", [2, 3])
@torch.inference_mode()
def test_the_result_is_the_same(dims: int) -> None:
    network, x = unet(dims), torch.rand(1, 1, *([16] * dims))
    folded = fold(network)
    assert foldable(network) == 10
    assert foldable(folded) == 0
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    torch.testing.assert_close(folded(x), network(x), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_apple_gpus_know_no_float64() -> None:
    network, x = unet(), torch.rand(1, 1, 16, 16)
    expected = fold(network)(x)
    folded = fold(on_apple_gpu(unet()))
    assert not foldable(folded)
    torch.testing.assert_close(folded(x).cpu(), expected)


def test_the_network_stays_as_it_is() -> None:
    network = unet()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    folded = fold(network)
    assert folded is not network
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)],
        [nn.Conv2d(1, 4, 3), nn.InstanceNorm2d(4, affine=True)],
        [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)],
        [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)],
    ],
)
def test_nothing_is_folded_where_it_would_not_be_exact(layers: list[nn.Module]) -> None:
    network = nn.Sequential(*layers)
    assert foldable(network) == 0
    assert fold(network) is network


def test_a_layer_used_twice_or_looked_at_is_left_alone() -> None:
    shared = nn.Conv2d(4, 4, 1)
    twice = nn.Sequential(nn.Sequential(shared, nn.BatchNorm2d(4)), shared)
    assert foldable(twice) == 0
    watched = nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4))
    assert foldable(watched) == 1
    watched[0].register_forward_hook(lambda *_: None)
    assert foldable(watched) == 0


@torch.inference_mode()
@pytest.mark.parametrize("name", registry.names())
def test_every_network_of_the_zoo_predicts_the_same_folded(name: str) -> None:
    spec = registry.spec(name)
    if 2 not in spec.dims:
        pytest.skip("for volumes only")
    network = trained(
        registry.build(name, dims=2, in_channels=1, out_channels=2, arguments=spec.tiny)
    )
    if not foldable(network):
        return
    sizes = registry.geometry(name, spec.tiny, 2)
    x = torch.rand(1, 1, *sizes.input_size(sizes.window or sizes.output_size((32, 32))))
    torch.testing.assert_close(fold(network)(x), network(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("way", [Way(folded=True), Way(channels_last=False), Way(graphs=True)])
def test_every_way_predicts_the_same_tile_by_tile(way: Way) -> None:
    plane = np.random.default_rng(0).random((1, 70, 50), np.float32)
    sizes, cpu = registry.geometry("unet", LIVE, 2), torch.device("cpu")
    usual = Predictor(unet(), sizes, device=cpu).probability(plane)
    other = Predictor(unet(), sizes, device=cpu, way=way)
    assert other.precision == "float32"
    assert np.abs(other.probability(plane, tile=32) - usual).max() < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_graphs_replay_what_the_network_computes(precision: str) -> None:
    device, sizes = torch.device("cuda"), registry.geometry("unet", LIVE, 2)
    rng = np.random.default_rng(0)
    usual = Predictor(unet(), sizes, device=device, precision=precision)
    graphed = Predictor(unet(), sizes, device=device, way=Way(precision, graphs=True))
    for _ in range(6):
        plane = rng.random((1, 64, 64), np.float32)
        difference = np.abs(graphed.probability(plane) - usual.probability(plane)).max()
        assert difference < (1e-5 if precision == "float32" else 1e-2)
