"""Convolutions laid out once, with their ReLU: the same result, whatever the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from trained_networks import LIVE, trained, unet

from napari_unet.networks import registry
from napari_unet.prediction import packing
from napari_unet.prediction.device import autocast, cpu_has_bf16
from napari_unet.prediction.folding import fold
from napari_unet.prediction.packing import Packed, can_pack, pack
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.way import Way

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not can_pack(), reason="this torch has no oneDNN operators")


def count(network: nn.Module, kind: type[nn.Module]) -> int:
    return sum(type(m) is kind for m in network.modules())


@pytest.mark.parametrize("dims", [2, 3])
@torch.inference_mode()
def test_the_result_is_the_same(dims: int) -> None:
    network, x = unet(dims), torch.rand(1, 1, *([16] * dims))
    packed = pack(fold(network), "float32")
    assert count(packed, Packed) == 11
    assert count(packed, nn.ReLU) == 0
    torch.testing.assert_close(packed(x), network(x), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_network_stays_as_it_is() -> None:
    network, x = unet(), torch.rand(1, 1, 16, 16)
    before = network(x)
    pack(network, "float32")
    assert count(network, Packed) == 0
    assert torch.equal(network(x), before)


@pytest.mark.skipif(not cpu_has_bf16(), reason="this processor does not multiply bf16")
@torch.inference_mode()
def test_in_bf16_it_rounds_like_autocast() -> None:
    network, x = fold(unet()), torch.rand(1, 1, 32, 32)
    packed = pack(network, "bf16")
    with autocast(CPU, "bf16"):
        usual, found = network(x), packed(x)
    assert found.dtype == usual.dtype == torch.bfloat16
    exact = network(x).softmax(1)
    apart = [float((y.float().softmax(1) - exact).abs().mean()) for y in (usual, found)]
    assert apart[1] < 2 * apart[0] + 1e-4


LAYERS: list[list[nn.Module]] = [
    [nn.Conv2d(1, 4, 3, padding=1), nn.Identity(), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1)],
    [nn.Conv2d(1, 4, 3, stride=2, padding=2, dilation=2, bias=False), nn.ReLU()],
    [nn.Conv2d(1, 6, 3), nn.ReLU6(), nn.Conv2d(6, 6, 3, groups=6), nn.ReLU()],
    [nn.Conv2d(1, 4, 3, padding="same"), nn.ReLU()],
    [nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()],
    [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()],
    [nn.ReLU(), nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.3), nn.ReLU()],
]


@pytest.mark.parametrize("layers", LAYERS)
@torch.inference_mode()
def test_only_a_relu_right_behind_is_taken_in(layers: Sequence[nn.Module]) -> None:
    network = trained(nn.Sequential(*layers))
    x = torch.randn(2, 1, 17, 15)
    torch.testing.assert_close(pack(network, "float32")(x), network(x), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_a_convolution_in_two_places_and_one_that_is_looked_at() -> None:
    shared, seen = nn.Conv2d(2, 2, 3, padding=1), []
    watched = nn.Conv2d(2, 2, 1)
    watched.register_forward_hook(lambda *_: seen.append(1))
    network = nn.Sequential(nn.Sequential(shared, nn.ReLU()), shared, watched).eval()
    x = torch.randn(1, 2, 8, 8)
    packed = pack(network, "float32")
    torch.testing.assert_close(packed(x), network(x), rtol=1e-4, atol=1e-5)
    assert count(packed, Packed) == 2
    assert len(seen) == 2


@torch.inference_mode()
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("name", registry.names())
def test_every_network_of_the_zoo_predicts_the_same_packed(name: str, precision: str) -> None:
    if precision == "bf16" and not cpu_has_bf16():
        pytest.skip("this processor does not multiply bf16")
    spec = registry.spec(name)
    dims = spec.dims[0]
    torch.manual_seed(0)
    network = trained(
        registry.build(name, dims=dims, in_channels=1, out_channels=2, arguments=spec.tiny)
    )
    network = network.to(memory_format=Way().layout(dims))  # type: ignore[call-overload]
    sizes = registry.geometry(name, spec.tiny, dims)
    side = sizes.window or sizes.output_size((32,) * dims)
    x = torch.rand(1, 1, *sizes.input_size(side)).contiguous(memory_format=Way().layout(dims))
    packed, exact = pack(fold(network), precision), network(x)
    with autocast(CPU, precision):
        usual, found = network(x).float(), packed(x).float()
    if precision == "float32":
        torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-4)
    else:
        assert (found - exact).abs().mean() <= 2 * (usual - exact).abs().mean() + 1e-3


@pytest.mark.parametrize("folded", [True, False])
def test_packed_predictions_agree_tile_by_tile(folded: bool) -> None:
    plane = np.random.default_rng(0).random((1, 70, 50), np.float32)
    sizes = registry.geometry("unet", LIVE, 2)
    usual = Predictor(unet(), sizes, device=CPU).probability(plane)
    way = Way(folded=folded, packed=True)
    found = Predictor(unet(), sizes, device=CPU, way=way).probability(plane, tile=32)
    assert np.abs(found - usual).max() < 1e-4


def test_a_torch_without_the_operators_predicts_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        mkldnn: Any = object()

    monkeypatch.setattr(packing.torch, "ops", Without())
    assert not can_pack()


@torch.inference_mode()
def test_a_layer_that_stands_in_two_places() -> None:
    torch.manual_seed(0)
    twice, norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3).eval()
    norm.running_mean += 3  # type: ignore[operator]
    x = torch.randn(1, 3, 9, 9)
    for network in (
        nn.Sequential(twice, twice, nn.ReLU()),
        nn.Sequential(norm, nn.Conv2d(3, 3, 1), norm, nn.ReLU()),
    ):
        torch.testing.assert_close(pack(network, "float32")(x), network(x), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_what_is_not_a_number_stays_so() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())
    network[0].weight[:] = float("nan")
    assert bool(pack(network, "float32")(torch.rand(1, 1, 4, 4)).isnan().all())
