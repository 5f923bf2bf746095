"""Standardised weights and group normalisation that fits any number of channels."""

from __future__ import annotations

import pytest
import torch

from napari_unet.networks.standardised import STANDARDISED_CONVOLUTION, group_norm, standardise


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (6, 1, 3, 3), (2, 1, 3, 3, 3), (5, 8, 1, 1)])
def test_each_filter_has_mean_0_and_variance_1(shape: tuple[int, ...]) -> None:
    weight = standardise(3 + 2 * torch.randn(shape, dtype=torch.float64)).flatten(1)
    torch.testing.assert_close(weight.mean(1), torch.zeros_like(weight[:, 0]))
    torch.testing.assert_close(
        weight.var(1, correction=0), torch.ones_like(weight[:, 0]), rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("dims", [2, 3])
def test_neither_scale_nor_offset_of_the_weights_matters(dims: int) -> None:
    torch.manual_seed(dims)
    convolution = STANDARDISED_CONVOLUTION[dims](4, 4, 3, groups=2, bias=False).double()
    x = torch.randn(1, 4, *(5,) * dims, dtype=torch.float64)
    with torch.no_grad():
        before = convolution(x)
        convolution.weight.mul_(7).add_(2)
        torch.testing.assert_close(convolution(x), before, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("channels", "groups", "used"), [(64, 32, 32), (48, 32, 24), (7, 4, 1), (3, 32, 3), (1, 8, 1)]
)
def test_groups_divide_the_channels(channels: int, groups: int, used: int) -> None:
    assert group_norm(channels, groups).num_groups == used
