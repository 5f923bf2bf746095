"""What is cut belongs together: a network without channels that say nothing says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from without_float64 import on_apple_gpu

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.pruning.activations import activation_norms
from napari_unet.pruning.tracing import check_prunable, cut, prunable, widths_of, wiring_of

CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("unet", 2, {"width": 4, "depth": 2, "padding": "same", "norm": "batch", "dropout": 0.0}),
    ("unet", 2, {"width": 4, "depth": 2}),
    ("unet", 2, {"width": 4, "depth": 2, "released": True}),
    ("unet", 3, {"width": 2, "depth": 1, "padding": "same", "norm": "batch"}),
    ("lunet", 2, {"width": 4, "depth": 2}),
    ("lunet", 3, {"width": 3, "depth": 1}),
    ("unet3d", 3, {"width": 2, "depth": 2, "flat": 1, "padding": "same"}),
    ("unet3d", 3, {"width": 2, "depth": 1, "norm": "none"}),
]


def made(name: str, dims: int, arguments: dict[str, Any]) -> nn.Module:
    torch.manual_seed(1)
    network = registry.build(
        name, dims=dims, in_channels=2, out_channels=3, arguments=arguments
    ).eval()
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if "running_var" in key:
                tensor.uniform_(0.5, 2)
            elif tensor.dim() == 1:
                tensor.normal_()
    return network


def an_image(name: str, dims: int, arguments: dict[str, Any]) -> torch.Tensor:
    sizes = registry.geometry(name, arguments, dims)
    return torch.randn(2, 2, *sizes.input_size(sizes.output_size((8,) * dims)))


@pytest.mark.parametrize(("name", "dims", "arguments"), CASES)
def test_channels_that_say_nothing_can_go(name: str, dims: int, arguments: dict[str, Any]) -> None:
    network = made(name, dims, arguments)
    wiring = wiring_of(network)
    widths = widths_of(network, wiring)
    assert wiring.parameters(widths) == sum(p.numel() for p in network.parameters())
    generator = np.random.default_rng(0)
    kept = [np.sort(generator.choice(w, (w + 1) // 2, replace=False)) for w in widths]
    silent = dict(network.state_dict())
    for layer, stays, width in zip(wiring.layers, kept, widths, strict=True):
        gone = torch.from_numpy(np.setdiff1d(np.arange(width), stays))
        parts = [f"{layer.name}.weight", f"{layer.name}.bias"]
        parts += [f"{n}.{p}" for n in layer.norms for p in ("weight", "bias", "running_mean")]
        for key in parts:
            if key in silent:
                axis = 1 if layer.transposed and silent[key].dim() > 1 else 0
                silent[key] = silent[key].index_fill(axis, gone, 0.0)
    network.load_state_dict(silent)
    smaller = registry.build(
        name,
        dims=dims,
        in_channels=2,
        out_channels=3,
        arguments=arguments | {"widths": [len(k) for k in kept]},
    ).eval()
    smaller.load_state_dict(cut(silent, wiring, kept, widths))
    assert sum(p.numel() for p in smaller.parameters()) == wiring.parameters([len(k) for k in kept])
    x = an_image(name, dims, arguments)
    with torch.no_grad():
        torch.testing.assert_close(smaller(x), network(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "dims", "arguments"), CASES)
def test_norms_are_those_of_what_the_next_layer_sees(
    name: str, dims: int, arguments: dict[str, Any]
) -> None:
    network = made(name, dims, arguments)
    wiring = wiring_of(network)
    x = an_image(name, dims, arguments)
    norms = activation_norms(network, wiring, [x[:1], x[1:]])
    assert [len(n) for n in norms] == widths_of(network, wiring)
    block = network.contracting[0]  # type: ignore[index]
    with torch.no_grad():
        expected = block(x).flatten(2).norm(dim=2).mean(0)
    np.testing.assert_allclose(norms[1], expected, rtol=1e-5)


def test_norms_on_apple_gpus_which_know_no_float64() -> None:
    name, dims, arguments = CASES[0]
    network, x = made(name, dims, arguments), an_image(name, dims, arguments)
    expected = activation_norms(network, wiring_of(network), [x])
    found = activation_norms(on_apple_gpu(network), wiring_of(network), [x])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


def test_the_u_net_that_lean_u_net_prunes() -> None:
    down, up = [4, 4, 8, 8, 16, 16, 32, 32, 64, 64], [32] * 3 + [16] * 3 + [8] * 3 + [4] * 3
    network = registry.build(
        "lunet", dims=3, in_channels=1, out_channels=1, arguments={"width": 4, "widths": down + up}
    )
    assert sum(p.numel() for p in network.parameters()) == 353_949


def test_widths_must_fit_the_depth() -> None:
    with pytest.raises(UserError, match="2 poolings has 12 layers, not 3"):
        registry.check_arguments("unet", {"depth": 2, "widths": [1, 2, 3]})
    with pytest.raises(UserError, match="greater than or equal to 1"):
        registry.check_arguments("lunet", {"depth": 1, "widths": [4, 4, 4, 4, 4, 4, 0]})


def test_which_networks_can_be_pruned() -> None:
    assert prunable() == ["unet", "unet3d", "lunet"]
    with pytest.raises(UserError, match="'segnet' cannot be pruned; those that can are unet"):
        check_prunable("segnet")
