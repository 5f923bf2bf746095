"""Group normalisation in plain steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.model.export.group_norm import StepwiseGroupNorm, replace_group_norms


@pytest.mark.parametrize("size", [(5, 7), (3, 4, 5)])
def test_the_same_as_in_one_step(size: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    original = nn.GroupNorm(3, 6, eps=1e-3).double()
    nn.init.normal_(original.weight)
    nn.init.normal_(original.bias)
    x = torch.randn(2, 6, *size, dtype=torch.float64)
    torch.testing.assert_close(StepwiseGroupNorm(original)(x), original(x))


def test_all_are_replaced_and_nothing_else() -> None:
    inner = nn.Sequential(nn.Conv2d(1, 4, 1), nn.GroupNorm(2, 4))
    network = nn.Sequential(inner, nn.GroupNorm(1, 4), nn.BatchNorm2d(4))
    x = torch.randn(1, 1, 6, 6)
    before = network(x)
    names = set(network.state_dict())
    replace_group_norms(network)
    assert not any(isinstance(m, nn.GroupNorm) for m in network.modules())
    assert set(network.state_dict()) == names
    torch.testing.assert_close(network(x), before)
