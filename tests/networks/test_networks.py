"""The networks: structure, sizes, and that every part of them works."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from napari_unet.networks.blocks import centre_crop, trim
from napari_unet.networks.lunet import LUNet
from napari_unet.networks.registry import geometry
from napari_unet.networks.unet import UNet

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
UP_CONVOLUTIONS = (nn.ConvTranspose2d, nn.ConvTranspose3d)


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("channels", "classes", "count"), [(1, 2, 31_030_658), (3, 1, 31_031_745), (1, 1, 31_030_593)]
)
def test_unet_has_the_parameters_of_2015(channels: int, classes: int, count: int) -> None:
    with torch.device("meta"):
        assert parameters(UNet(channels, classes)) == count


def test_released_unet() -> None:
    """As in the network definition that the authors published with their trained weights."""
    with torch.device("meta"):
        network = UNet(1, 2, released=True)
        assert parameters(network) == 31_100_354
        assert network(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    ups = [(up[0].in_channels, up[0].out_channels, type(up[1])) for up in network.up]
    assert ups == [
        (1024, 512, nn.ReLU),
        (512, 256, nn.ReLU),
        (256, 128, nn.ReLU),
        (128, 128, nn.ReLU),
    ]
    assert network.expansive[-1][0].in_channels == 192


def test_unet_is_that_of_2015() -> None:
    with torch.device("meta"):
        network = UNet(1, 2)
        assert network(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
        assert network(torch.empty(1, 1, 188, 188)).shape == (1, 2, 4, 4)
    modules = list(network.modules())
    kernels = [m.kernel_size for m in modules if isinstance(m, CONVOLUTIONS)]
    ups = [(m.kernel_size, m.stride) for m in modules if isinstance(m, UP_CONVOLUTIONS)]
    assert kernels.count((3, 3)) == 18
    assert kernels.count((1, 1)) == 1
    assert ups == [((2, 2), (2, 2))] * 4
    assert len(kernels) + len(ups) == 23
    assert [b[0].out_channels for b in network.contracting] == [64, 128, 256, 512, 1024]
    dropouts = [[m.p for m in b if isinstance(m, nn.Dropout)] for b in network.contracting]
    assert dropouts == [[], [], [], [0.5], [0.5]]
    assert not [m for m in modules if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize(("width", "count"), [(4, 9_929), (8, 39_025)])
def test_lunet_has_the_parameters_of_the_released_code(width: int, count: int) -> None:
    network = LUNet(1, 1, dims=3, width=width)
    assert parameters(network) == count
    three = [m for m in network.modules() if isinstance(m, nn.Conv3d) and m.kernel_size[0] == 3]
    assert len(three) == 18


def test_he_initialisation() -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, width=32, depth=2)
    for module in network.modules():
        if isinstance(module, (*CONVOLUTIONS, *UP_CONVOLUTIONS)):
            fan_in = module.weight[0].numel()  # (in, out, k, k) of up-convolutions as Caffe counts
            if module.weight.numel() > 4000:
                assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.05)
            assert not module.bias.any()


def test_batch_norm_replaces_the_bias() -> None:
    network = UNet(1, 2, width=2, depth=1, norm="batch")
    threes = [m for m in network.modules() if getattr(m, "kernel_size", 0) == (3, 3)]
    assert all(m.bias is None for m in threes)
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]) == len(threes) == 6
    assert network.head.bias is not None


def test_centre_crop() -> None:
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    torch.testing.assert_close(centre_crop(x, torch.empty(1, 5, 2, 4)), x[:, :, 2:4, 1:5])


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_the_gradient_of_a_crop_lies_as_what_was_cropped(layout: torch.memory_format) -> None:
    x = torch.rand(2, 3, 9, 8).contiguous(memory_format=layout).requires_grad_()
    weights = torch.rand(2, 3, 4, 4).contiguous(memory_format=layout)
    cropped = centre_crop(x, weights)
    torch.testing.assert_close(cropped, x[:, :, 2:6, 2:6])
    (gradient,) = torch.autograd.grad(cropped, x, weights)
    assert gradient.is_contiguous(memory_format=layout)
    expected = torch.zeros_like(x)
    expected[:, :, 2:6, 2:6] = weights
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_skip_and_upsampled_lie_on_each_other(padding: str) -> None:
    """Identity convolutions everywhere: what is joined must be the same places of the image."""
    network = UNet(1, 2, width=1, depth=2, padding=padding, dropout=0.0).double()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                middle = module.kernel_size[0] // 2
                module.weight[0, :, middle, middle] = 1  # the sum of all inputs
            elif isinstance(module, nn.ConvTranspose2d):
                module.weight.fill_(1 / module.in_channels)
    sizes = geometry("unet", {"depth": 2, "padding": padding})
    n = sizes.input_size(sizes.output_size((24, 24)))[0]
    # Constant on each pixel of the lowest level; valid ones begin at 2 + 2 * 2 = 6.
    begin = 2 if padding == "valid" else 0
    ramp = ((torch.arange(n, dtype=torch.float64) + begin) // 4).expand(1, 1, n, n)
    shift = (n - network(ramp).shape[-1]) // 2
    out = network(ramp)[0, 0, 6:-6, 6:-6]
    expected = ramp[0, 0, shift + 6 :, shift + 6 :][: out.shape[0], : out.shape[1]]
    torch.testing.assert_close(out / out.max(), expected / expected.max())


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("strides", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("released", [False, True])
def test_margin_is_cropping_without_the_work(depth: int, strides: int, released: bool) -> None:
    torch.manual_seed(4)
    network = UNet(
        1, 2, width=2, depth=depth, padding="same", dropout=0.0, released=released
    ).double()
    stride = 2**depth
    margin = strides * stride
    x = torch.randn(1, 1, 2 * margin + 2 * stride, 2 * margin + stride, dtype=torch.float64)
    with torch.no_grad():
        whole, part = network(x), network(x, margin)
    assert part.shape[2:] == (2 * stride, stride)
    torch.testing.assert_close(part, trim(whole, margin))


def test_training_pays_for_no_crop_that_leaves_all() -> None:
    network = UNet(1, 2, width=2, depth=2, padding="same")
    waiting, slices = [network(torch.rand(1, 1, 16, 16)).grad_fn], 0
    while waiting:
        node = waiting.pop()
        if node is not None:
            slices += "Slice" in type(node).__name__
            waiting += [before for before, _ in node.next_functions]
    assert slices == 0
