"""What is special to AID-U-Net: its sub paths, and its size beside that of a U-Net."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.aid_unet import AIDUNet
from napari_unet.networks.blocks import trim
from napari_unet.networks.unet import UNet

DEPTHS = [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
"""Depth of the direct path and of the sub paths."""


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def count_3x3(network: nn.Module) -> int:
    kernels = [m.kernel_size for m in network.modules() if isinstance(m, nn.Conv2d)]
    return kernels.count((3, 3))


@pytest.mark.parametrize(("depth", "sub_depth"), [(3, 1), (2, 2), (4, 1)])
def test_parameters_beside_those_of_a_unet(depth: int, sub_depth: int) -> None:
    """As many layers as a deeper U-Net, a fraction of its parameters: the claim of the paper."""
    with torch.device("meta"):
        aid = AIDUNet(1, 2, depth=depth, sub_depth=sub_depth)
        same_depth = UNet(1, 2, width=32, depth=depth, norm="batch")
        same_layers = UNet(1, 2, width=32, depth=depth + sub_depth, norm="batch")
    assert count_3x3(aid) == count_3x3(same_layers) == 2 * (2 * (depth + sub_depth) + 1)
    assert parameters(aid) < 0.5 * parameters(same_layers)
    # Beside the U-Net of its own depth it has its sub paths in addition, and nothing else.
    sub = [m for name, m in aid.named_children() if name.startswith("sub_")]
    assert parameters(aid) - sum(map(parameters, sub)) == parameters(same_depth)


@pytest.mark.parametrize("dims", [2, 3])
def test_wiring(dims: int) -> None:
    """Who is asked for what, in which order and at which level."""
    network = AIDUNet(1, 2, dims=dims, width=1, depth=3, sub_depth=2).eval()
    order: list[tuple[str, int, int]] = []
    for path in ("contracting", "sub_expansive", "sub_contracting", "expansive"):
        for block in getattr(network, path):
            block.register_forward_hook(
                lambda _m, inputs, output, path=path: order.append(
                    (path, inputs[0].shape[1], output.shape[-1])
                )
            )
    network(torch.randn(1, 1, *[16] * dims))
    assert order == [
        ("contracting", 1, 16),
        ("contracting", 1, 8),
        ("contracting", 2, 4),
        ("contracting", 4, 2),
        ("sub_expansive", 8, 4),
        ("sub_expansive", 4, 8),
        ("sub_contracting", 2, 4),
        ("sub_contracting", 4, 2),
        ("expansive", 8, 4),
        ("expansive", 4, 8),
        ("expansive", 2, 16),
    ]


def test_direct_path_takes_its_skips_from_the_sub_paths() -> None:
    network = AIDUNet(1, 2, width=2, depth=3, sub_depth=2).eval()
    seen: dict[str, torch.Tensor] = {}
    for name, module in network.named_modules():
        if name.count(".") == 1 and "." in name:
            module.register_forward_hook(
                lambda _m, inputs, output, name=name: seen.update(
                    {f"{name} in": inputs[0].clone(), f"{name} out": output.clone()}
                )
            )
    with torch.no_grad():
        network(torch.randn(1, 1, 16, 16))
    for block, skip in (
        ("sub_expansive.0", "contracting.2"),
        ("sub_expansive.1", "contracting.1"),
        ("expansive.0", "sub_contracting.0"),
        ("expansive.1", "sub_expansive.1"),
        ("expansive.2", "contracting.0"),
    ):
        joined, expected = seen[f"{block} in"], seen[f"{skip} out"]
        torch.testing.assert_close(joined[:, joined.shape[1] // 2 :], expected)


@pytest.mark.parametrize(("depth", "sub_depth"), DEPTHS)
def test_reach_is_the_measured_one(depth: int, sub_depth: int) -> None:
    """All paths open, by positive weights and means in place of maxima."""
    arguments = {"width": 1, "depth": depth, "sub_depth": sub_depth, "norm": "none", "dropout": 0}
    network = registry.build(
        "aid_unet", dims=2, in_channels=1, out_channels=1, arguments=arguments
    ).double()
    network.pool = nn.ModuleList([nn.AvgPool2d(2)])  # one for all
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1 / parameter[0].numel())
    sizes = registry.geometry("aid_unet", arguments)
    stride = sizes.stride[0]
    start = -(-(sizes.reach[0] + 1) // stride) * stride
    x = torch.ones(1, 1, 2 * start + stride, stride, dtype=torch.float64, requires_grad=True)
    out = network(x)
    measured = 0
    for here in range(start, start + stride):
        (gradient,) = torch.autograd.grad(out[0, 0, here].sum(), x, retain_graph=True)
        lines = gradient[0, 0].sum(1).nonzero().flatten()
        measured = max(measured, here - int(lines[0]), int(lines[-1]) - here)
    assert measured == sizes.reach[0]


@pytest.mark.parametrize(("depth", "sub_depth"), DEPTHS)
@pytest.mark.parametrize("strides", [1, 3])
def test_margin_is_cropping_without_the_work(depth: int, sub_depth: int, strides: int) -> None:
    torch.manual_seed(4)
    network = AIDUNet(1, 2, width=2, depth=depth, sub_depth=sub_depth).double().eval()
    margin = strides * 2**depth
    x = torch.randn(1, 1, 2 * margin + 2**depth, 2 * margin + 2 * 2**depth, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x, margin), trim(network(x), margin))


def test_dropout_grows_with_the_level() -> None:
    network = AIDUNet(1, 2, width=1, depth=4, sub_depth=2, dropout=0.1)
    paths = (
        network.contracting,
        network.sub_expansive,
        network.sub_contracting,
        network.expansive,
    )
    assert [[block[-1].p for block in path] for path in paths] == [
        [0.1, 0.1, 0.2, 0.2, pytest.approx(0.3)],
        [0.2, 0.2],
        [0.2, pytest.approx(0.3)],
        [0.2, 0.2, 0.1, 0.1],
    ]
    modules = AIDUNet(1, 2, width=1, depth=1, dropout=0).modules()
    assert not [m for m in modules if isinstance(m, nn.Dropout)]


def test_sub_paths_do_not_leave_the_image() -> None:
    with pytest.raises(UserError, match="'sub_depth' of network 'aid_unet' cannot be 3: sub paths"):
        registry.check_arguments("aid_unet", {"depth": 2, "sub_depth": 3})
