"""``fcn8s``: counts, how it starts, and how far it sees."""

from __future__ import annotations

import torch
from open_paths import exact_reach
from torch import nn
from torch.nn.functional import interpolate

from napari_unet.networks import registry
from napari_unet.networks.fcn8s import FCN8s, initialise_bilinear


def test_it_has_the_parameters_of_vgg_and_of_the_paper() -> None:
    with torch.device("meta"):
        network = FCN8s(3, 21)
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    assert sum(sizes.values()) == 134_489_759
    finer = ("head_pool", "head_up")
    assert sum(n for name, n in sizes.items() if not name.startswith(finer)) == 134_346_581
    assert sum(n for name, n in sizes.items() if name.startswith("blocks")) == 14_714_688  # VGG-16


def test_it_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        network = FCN8s(3, 21)
        assert network(torch.empty(1, 3, 224, 320)).shape == (1, 21, 224, 320)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions[:13]] == [64] * 2 + [128] * 2 + [256] * 3 + [
        512
    ] * 6
    assert [c.kernel_size[0] for c in convolutions[13:]] == [7, 1, 1, 1, 1]
    assert [c.out_channels for c in convolutions[13:]] == [4096, 4096, 21, 21, 21]
    ups = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(u.kernel_size[0], u.stride[0]) for u in ups] == [(4, 2), (4, 2), (16, 8)]
    assert not [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


def test_it_starts_from_bilinear_interpolation() -> None:
    network = FCN8s(1, 3, width=1)
    for up, factor in ((network.head_up_to_pool3, 2), (network.head_up_to_image, 8)):
        x = torch.randn(1, 3, 5, 6)
        expected = interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
        inner = (..., slice(factor, -factor), slice(factor, -factor))
        torch.testing.assert_close(up(x)[inner], expected[inner])


def test_interpolation_is_linear_by_axis_in_3d_too() -> None:
    up = nn.ConvTranspose3d(1, 1, 4, stride=2, padding=1, bias=False)
    initialise_bilinear(up)
    x = torch.randn(1, 1, 4, 4, 4)
    expected = interpolate(x, scale_factor=2, mode="trilinear", align_corners=False)
    inner = (..., slice(2, -2), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(up(x)[inner], expected[inner])


def test_scores_are_added() -> None:
    """Without what comes from below, the logits are those of pool3 and pool4, upsampled."""
    network = FCN8s(1, 2, width=1).eval()
    x = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        for part in (network.head_fc7, network.head_pool4, network.head_pool3):
            part.weight.zero_()
        network.head_fc7.bias.copy_(torch.tensor([1.0, 0.0]))
        network.head_pool4.bias.copy_(torch.tensor([2.0, 0.0]))
        network.head_pool3.bias.copy_(torch.tensor([4.0, -1.0]))
        middle = network(x)[0, :, 32, 32]
    torch.testing.assert_close(middle, torch.tensor([7.0, -1.0]))


def test_its_reach_is_exact() -> None:
    sizes = registry.geometry("fcn8s", {})
    assert sizes.reach == (245, 245)
    assert sizes.halo == (256, 256)
    assert exact_reach(FCN8s(1, 1, width=1), 32, 320) == 245


def test_batch_norm_replaces_the_bias() -> None:
    network = FCN8s(1, 2, width=1, norm="batch")
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 15
    blocks = [*network.blocks, network.fc6, network.fc7]
    assert all(layer.bias is None for block in blocks for layer in block[::3])
    assert network.head_fc7.bias is not None
