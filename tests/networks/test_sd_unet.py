"""SD-UNet: its count, its blocks, and what the statistics of groups mean for tiles."""

from __future__ import annotations

import pytest
import torch
from open_paths import exact_reach
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.sd_unet import SDUNet
from napari_unet.networks.standardised import StandardisedConv2d
from napari_unet.networks.unet import UNet


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.fixture(scope="module")
def published() -> SDUNet:
    with torch.device("meta"):
        return SDUNet(1, 1)


def test_it_has_an_eighth_of_the_parameters_of_unet(published: SDUNet) -> None:
    assert parameters(published) == 3_918_785
    with torch.device("meta"):
        assert round(parameters(UNet(1, 1)) / parameters(published), 1) == 7.9


def test_only_the_first_convolution_is_a_full_one(published: SDUNet) -> None:
    threes = [m for m in published.modules() if getattr(m, "kernel_size", 0) == (3, 3)]
    full = [m for m in threes if m.groups == 1]
    assert full == [published.contracting[0][0]]
    depthwise = [m for m in threes if m.groups != 1]
    assert len(depthwise) == 21
    for convolution in depthwise:
        assert isinstance(convolution, StandardisedConv2d)
        assert convolution.groups == convolution.in_channels == convolution.out_channels


def test_a_block_is_two_convolutions_two_relus_and_one_normalisation(published: SDUNet) -> None:
    block = published.contracting[1]
    depthwise, pointwise = StandardisedConv2d, nn.Conv2d
    kinds = [depthwise, pointwise, nn.ReLU] * 2 + [nn.GroupNorm]
    assert [type(m) for m in block] == kinds
    assert [type(m) for m in published.expansive[2]] == kinds
    assert [type(m) for m in published.contracting[3]] == [*kinds, nn.Dropout]
    assert len([m for m in published.modules() if isinstance(m, nn.Dropout)]) == 1
    assert all(m.num_groups == 32 for m in published.modules() if isinstance(m, nn.GroupNorm))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_reach_of_its_convolutions_is_exact(depth: int) -> None:
    """Without statistics and ReLU, which would let nothing or all through."""
    arguments = {"width": 2, "depth": depth, "dropout": 0.0}
    network = SDUNet(1, 1, **arguments)
    for module in network.modules():
        if isinstance(module, (nn.GroupNorm, nn.ReLU)):
            module.forward = lambda x: x  # type: ignore[method-assign]
    sizes = registry.geometry("sd_unet", arguments)
    stride = 2**depth
    assert exact_reach(network, stride, sizes.halo[0] + stride) == sizes.reach[0]


def test_statistics_reach_over_the_whole_tile() -> None:
    sizes = registry.geometry("sd_unet", {"depth": 1, "width": 4})
    assert not sizes.tile_exact
    network = SDUNet(1, 1, width=4, depth=1).eval()
    x = torch.randn(1, 1, 64, 2)
    other = x.clone()
    other[..., -1, :] += 3
    with torch.no_grad():
        assert (network(x) - network(other))[0, 0, 0].abs().max() > 0
    with pytest.raises(UserError, match="needs 4 pixels"):
        sizes.check_input((2, 2))
    sizes.check_input((4, 6))
