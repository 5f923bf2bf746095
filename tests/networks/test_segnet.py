"""``segnet``: counts, and that values return to where the maxima were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.networks.segnet import SegNet


def test_it_has_the_parameters_of_the_released_network() -> None:
    with torch.device("meta"):
        network = SegNet(3, 12)
        assert network(torch.empty(2, 3, 64, 96)).shape == (2, 12, 64, 96)
    assert sum(p.numel() for p in network.parameters()) == 29_449_932


def test_it_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        network = SegNet(3, 12)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 26
    assert {c.kernel_size for c in convolutions} == {(3, 3)}
    encoder = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    decoder = [512] * 5 + [256] * 3 + [128] * 2 + [64] * 2 + [12]
    assert [c.out_channels for c in convolutions[:13]] == encoder
    assert [c.out_channels for c in convolutions[13:]] == [512, *decoder[1:]]
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]) == 25
    assert not [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]


@pytest.mark.parametrize("dims", [2, 3])
def test_values_return_to_where_the_maxima_were(dims: int) -> None:
    network = SegNet(1, 2, dims=dims, width=1, depth=1)
    x = torch.randn(1, 1, *(8,) * dims)
    largest, place = network.pool(x)
    back = network.unpool(largest, place)
    kept = back != 0
    assert int(kept.sum()) == 4**dims
    assert torch.equal(back[kept], x[kept])
    assert torch.equal(network.pool(back.where(kept, -torch.inf))[0], largest)


def test_no_features_are_copied_to_the_decoder() -> None:
    """With the places kept and the lowest map gone, nothing of the image is left."""
    torch.manual_seed(0)
    network = SegNet(1, 2, width=2, depth=3, norm="none").eval()
    with torch.no_grad():
        network.encoder[-1][-2].weight.zero_()
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
        assert not network(torch.randn(1, 1, 16, 16)).any()


def test_depth_takes_the_first_levels() -> None:
    network = SegNet(1, 2, width=2, depth=3)
    assert [len(block) // 3 for block in network.encoder] == [2, 2, 3]
    assert [len(block) // 3 for block in network.decoder] == [3, 2, 1]
