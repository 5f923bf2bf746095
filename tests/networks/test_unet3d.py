"""What is special to the 3D U-Net: its counts, and levels that work in the plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.blocks import trim
from napari_unet.networks.catalogue.unet3d import UNET3D
from napari_unet.networks.geometry import Geometry
from napari_unet.networks.unet3d import UNet3D
from napari_unet.prediction.predictor import Predictor

FLAT = [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (3, 2)]
"""Depth and flat levels."""


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        plain, normalised = UNet3D(3, 3, norm="none"), UNet3D(3, 3)
    assert parameters(plain) == 19_069_955
    norms = [m for m in normalised.modules() if isinstance(m, nn.BatchNorm3d)]
    assert len(norms) == 14
    scales_and_shifts = sum(parameters(m) for m in norms)
    assert scales_and_shifts == 4_672
    # Batch normalisation takes the place of as many biases as it has channels.
    assert parameters(normalised) - scales_and_shifts == 19_069_955 - 2_336
    assert all(up.bias is None for up in plain.up)


def test_it_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        network = UNet3D(3, 3)
        assert network(torch.empty(1, 3, 116, 132, 132)).shape == (1, 3, 28, 44, 44)
    blocks = [*network.contracting, *network.expansive]
    channels = [
        [(m.in_channels, m.out_channels) for m in block if isinstance(m, nn.Conv3d)]
        for block in blocks
    ]
    assert channels == [
        [(3, 32), (32, 64)],
        [(64, 64), (64, 128)],
        [(128, 128), (128, 256)],
        [(256, 256), (256, 512)],
        [(256 + 512, 256), (256, 256)],
        [(128 + 256, 128), (128, 128)],
        [(64 + 128, 64), (64, 64)],
    ]
    assert [(up.in_channels, up.out_channels) for up in network.up] == [
        (512, 512),
        (256, 256),
        (128, 128),
    ]
    assert [type(m) for m in blocks[0]] == [nn.Conv3d, nn.BatchNorm3d, nn.ReLU] * 2
    sizes = registry.geometry("unet3d", {}, 3)
    sizes.check_input((116, 132, 132))
    assert sizes.border == (44, 44, 44)


def test_flat_levels_work_in_the_plane() -> None:
    with torch.device("meta"):
        network = UNet3D(1, 2, width=2, depth=3, flat=2)
    kernels = [block[0].kernel_size for block in network.contracting]
    assert kernels == [(1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3)]
    assert [block[0].kernel_size for block in network.expansive] == kernels[2::-1]
    assert [pool.kernel_size for pool in network.pool] == [(1, 2, 2), (1, 2, 2), (2, 2, 2)]
    assert [up.stride for up in network.up] == [(2, 2, 2), (1, 2, 2), (1, 2, 2)]
    sizes = registry.geometry("unet3d", {"flat": 2}, 3)
    assert sizes.stride == (2, 8, 8)
    assert sizes.border == (8, 44, 44)
    assert sizes.reach == (9, 51, 51)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("depth", "flat"), FLAT)
def test_geometry_is_the_measured_one(depth: int, flat: int, padding: str) -> None:
    """All paths open, by positive weights and means in place of maxima; one axis after another."""
    arguments = {"width": 1, "depth": depth, "flat": flat, "padding": padding, "norm": "none"}
    torch.manual_seed(0)
    network = registry.build(
        "unet3d", dims=3, in_channels=1, out_channels=1, arguments=arguments
    ).double()
    for level, pool in enumerate(network.pool):
        network.pool[level] = nn.AvgPool3d(pool.kernel_size)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.rand_like(parameter) / parameter[0].numel() + 1e-3)
    sizes = registry.geometry("unet3d", arguments, 3)
    for axis in (0, 2):
        assert _reach(network, sizes, axis) == sizes.reach[axis]


def _reach(network: nn.Module, sizes: Geometry, axis: int) -> int:
    stride, border = sizes.stride[axis], sizes.border[axis]
    start = -(-(sizes.reach[axis] + 1) // stride) * stride
    wish = [1, 1, 1]
    wish[axis] = 2 * start + stride
    output = sizes.output_size(tuple(wish))
    size = sizes.input_size(output)
    sizes.check_input(size)
    x = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    out = network(x)
    assert out.shape[2:] == output
    reach = 0
    for here in range(start, start + stride):
        place: list[int | slice] = [slice(None)] * 3
        place[axis] = here
        (gradient,) = torch.autograd.grad(out[(0, 0, *place)].sum(), x, retain_graph=True)
        across = tuple(a for a in range(3) if a != axis)
        lines = gradient[0, 0].sum(across).nonzero().flatten() - border
        reach = max(reach, here - int(lines[0]), int(lines[-1]) - here)
    return reach


@pytest.mark.parametrize(("depth", "flat"), FLAT)
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_margin_is_cropping_without_the_work(depth: int, flat: int, strides: int) -> None:
    torch.manual_seed(1)
    network = UNet3D(1, 2, width=1, depth=depth, flat=flat, padding="same").double().eval()
    stride = 2**depth
    margin = strides * stride
    size = [2 * margin + stride] * 3
    if depth == 3:
        size[2] = 2 * margin + 2 * stride
    x = torch.randn(1, 1, *size, dtype=torch.float64)
    with torch.no_grad():
        whole, part = network(x), network(x, margin)
    torch.testing.assert_close(part, trim(whole, margin))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_tiles_of_a_flat_network_are_exact(padding: str) -> None:
    arguments = {"width": 2, "depth": 2, "flat": 1, "padding": padding}
    torch.manual_seed(2)
    network = registry.build("unet3d", dims=3, in_channels=1, out_channels=2, arguments=arguments)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.bias)
    one = Predictor(network, registry.geometry("unet3d", arguments, 3), device=torch.device("cpu"))
    plane = np.random.default_rng(0).normal(size=(1, 7, 21, 18)).astype(np.float32)
    tiled = one.probability(plane, tile=(4, 8, 12))
    np.testing.assert_allclose(tiled, one.probability(plane, tile=(7, 21, 18)), atol=1e-4)


def test_more_flat_levels_than_poolings_are_refused() -> None:
    registry.check_arguments("unet3d", {"flat": 3}, 3)
    with pytest.raises(UserError, match=r"'flat' of network 'unet3d' cannot be 3: at most .*, 2,"):
        registry.check_arguments("unet3d", {"depth": 2, "flat": 3}, 3)
    with pytest.raises(UserError, match="works in 3D, not in 2D"):
        registry.check_arguments("unet3d", {})
    with pytest.raises(ValueError, match="not in 2D"):
        UNet3D(1, 2, dims=2)
    assert UNET3D.live["padding"] == "same"
