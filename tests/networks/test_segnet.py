"""``segnet``: counts, and that values return to where the maxima were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.networks.segnet import SegNet, unpool


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
    back = unpool(largest, place)
    kept = back != 0
    assert int(kept.sum()) == 4**dims
    assert torch.equal(back[kept], x[kept])
    assert torch.equal(network.pool(back.where(kept, -torch.inf))[0], largest)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_unpooling_is_that_of_torch(dims: int, layout: str) -> None:
    """Values and gradients; ties of zeros, as behind a ReLU, included."""
    x = torch.randn(2, 3, *(4, 8, 6)[:dims], dtype=torch.float64).relu()
    if layout == "channels last":
        last = {2: torch.channels_last, 3: torch.channels_last_3d}[dims]
        x = x.contiguous(memory_format=last)
    pool = {2: nn.MaxPool2d, 3: nn.MaxPool3d}[dims](2, return_indices=True)
    reference = {2: nn.MaxUnpool2d, 3: nn.MaxUnpool3d}[dims](2)
    largest, places = pool(x)
    largest.requires_grad_(True)
    ours, theirs = unpool(largest, places), reference(largest, places)
    assert torch.equal(ours, theirs)
    assert ours.count_nonzero() > 0
    weights = torch.randn_like(ours)
    gradients = [torch.autograd.grad((y * weights).sum(), largest)[0] for y in (ours, theirs)]
    assert torch.equal(*gradients)


def test_batch_norm_is_between_each_convolution_and_its_relu() -> None:
    """The miniature of the general tests has none."""
    network = SegNet(1, 2, width=2, depth=2, norm="batch")
    for block in (*network.encoder, *network.decoder):
        assert [type(m) for m in block] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * (len(block) // 3)
    x = torch.randn(2, 1, 16, 24)
    network(x).square().mean().backward()
    for name, parameter in network.named_parameters():
        if parameter.dim() == 4:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 1e-6, name
    network.eval()
    exported = torch.export.export(network, (x,)).module()
    torch.testing.assert_close(exported(x + 1), network(x + 1))


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
def test_it_can_be_traced_for_all_sizes() -> None:
    network = SegNet(1, 2, width=2, depth=2).eval()
    traced = torch.jit.trace(network, torch.randn(1, 1, 8, 12), check_trace=False)
    x = torch.randn(2, 1, 20, 16)
    torch.testing.assert_close(traced(x), network(x))


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
