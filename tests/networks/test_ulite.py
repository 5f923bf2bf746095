"""U-Lite: its count, axial convolutions, dilated bottleneck, exact reach."""

from __future__ import annotations

import pytest
import torch
from open_paths import exact_reach
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.ulite import AxialConvolution, Bottleneck, ULite


def test_it_has_the_parameters_of_the_authors_code() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in ULite(3, 1).parameters()) == 878_417


@pytest.mark.parametrize("dims", [2, 3])
def test_axial_convolutions_are_a_cross_of_weights(dims: int) -> None:
    torch.manual_seed(0)
    axial = AxialConvolution(2, 3, dims=dims, dilation=2).double()
    x = torch.zeros(1, 2, *(9,) * dims, dtype=torch.float64)
    x[(0, 1, *(4,) * dims)] = 1
    with torch.no_grad():
        for convolution in axial.along:
            convolution.bias.zero_()
        y = axial(x)
    assert not y[0, 0].any()  # depthwise
    places = {tuple(p) for p in y[0, 1].nonzero().tolist()}
    middle = (4,) * dims
    arms = {(*middle[:a], n, *middle[a + 1 :]) for a in range(dims) for n in (2, 4, 6)}
    assert places == arms
    expected = 1 + sum(c.weight[1].flatten()[1] for c in axial.along)
    torch.testing.assert_close(y[(0, 1, *middle)], expected)


def test_the_bottleneck_shares_its_channels() -> None:
    bottleneck = Bottleneck(512, (1, 2, 3), dims=2)
    assert bottleneck.narrow.out_channels == 128
    assert [d.along[0].dilation[0] for d in bottleneck.dilated] == [1, 2, 3]
    x = torch.randn(1, 512, 4, 4)
    assert bottleneck(x).shape == x.shape


@pytest.mark.parametrize("kernel", [3, 7])
@pytest.mark.parametrize("dilations", [(1,), (1, 3)])
def test_its_reach_is_exact(kernel: int, dilations: tuple[int, ...]) -> None:
    arguments = {"width": 1, "depth": 2, "kernel": kernel, "dilations": dilations}
    network = ULite(1, 1, **arguments)
    for down in network.down:
        down[1] = nn.AvgPool2d(2)
    sizes = registry.geometry("ulite", arguments)
    assert exact_reach(network, 4, sizes.halo[0] + 8) == sizes.reach[0]


def test_kernels_have_a_middle() -> None:
    with pytest.raises(UserError, match=r"'kernel' .* cannot be 4: .* odd"):
        registry.check_arguments("ulite", {"kernel": 4})
