"""``dense_unet``: counts of the three published networks, dense connections, its arguments."""

from __future__ import annotations

import pytest
import torch
from open_paths import exact_reach
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.dense_unet import DenseBlock, DenseUNet

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@pytest.mark.parametrize(
    ("layers", "learnt", "counted"),
    [(56, 1_376_795, 1_397_963), (67, 3_463_243, 3_502_923), (103, 9_322_091, 9_425_163)],
)
def test_it_has_the_parameters_of_the_released_code(layers: int, learnt: int, counted: int) -> None:
    """Which counts the running statistics too: 3.5 and 9.4 million as printed, but 1.4 for 1.5."""
    with torch.device("meta"):
        network = DenseUNet(3, 11, layers=layers)
    assert sum(p.numel() for p in network.parameters()) == learnt
    statistics = sum(b.numel() for b in network.buffers() if b.dim())
    assert learnt + statistics == counted
    assert len([m for m in network.modules() if isinstance(m, CONVOLUTIONS)]) == layers


def test_channels_are_those_of_the_paper() -> None:
    """After each block of FC-DenseNet103."""
    with torch.device("meta"):
        network = DenseUNet(3, 11)
    assert [d[2].in_channels for d in network.down] == [112, 192, 304, 464, 656]
    assert [u.in_channels for u in network.up] == [240, 192, 160, 112, 80]
    joined = [b.layers[0][0].num_features for b in network.expansive]
    assert [j + 16 * len(b.layers) for j, b in zip(joined, network.expansive, strict=True)] == [
        1088,
        816,
        576,
        384,
        256,
    ]
    assert network.head.in_channels == 256


def test_a_layer_sees_all_before_it_and_the_block_returns_what_is_new() -> None:
    block = DenseBlock(3, 2, 4, 2, 0.0).eval()
    assert [layer[2].in_channels for layer in block.layers] == [3, 5, 7, 9]
    x = torch.randn(1, 3, 4, 4)
    first = block.layers[0](x)
    made = block(x)
    assert made.shape == (1, 8, 4, 4)
    torch.testing.assert_close(made[:, :2], first)
    torch.testing.assert_close(made[:, 2:4], block.layers[1](torch.cat([x, first], 1)))


def test_blocks_and_growth_replace_those_of_the_paper() -> None:
    network = DenseUNet(1, 2, width=3, blocks=(1, 2, 3), growth=2)
    blocks = [*network.contracting, network.lowest, *network.expansive]
    assert [len(b.layers) for b in blocks] == [1, 2, 3, 2, 1]
    assert registry.geometry("dense_unet", {"blocks": [1, 2, 3]}).stride == (4, 4)
    assert registry.geometry("dense_unet", {"layers": 56}).stride == (32, 32)


@pytest.mark.parametrize("blocks", [[1, 1], [1, 2, 1], [2, 1, 3]])
def test_its_reach_is_exact(blocks: list[int]) -> None:
    sizes = registry.geometry("dense_unet", {"blocks": blocks})
    network = DenseUNet(1, 1, width=1, blocks=blocks, growth=1)
    around = sizes.halo[0] + sizes.stride[0]
    assert exact_reach(network, sizes.stride[0], around) == sizes.reach[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 57}, "'layers' of network 'dense_unet' cannot be 57"),
        ({"blocks": [4]}, "give two to eight dense blocks"),
        ({"blocks": [4, 0]}, "cannot be 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.check_arguments("dense_unet", arguments)
