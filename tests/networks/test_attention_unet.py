"""Attention U-Net: published counts, its gates, and how the heads are fused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.networks import registry
from napari_unet.networks.attention_unet import AttentionGate, AttentionUNet, GatedSkip
from napari_unet.networks.blocks import trim
from napari_unet.training.state import copy_overlap


@pytest.mark.parametrize(
    ("gates", "count"), [("none", 5_888_004), ("single", 6_214_151), ("multi", 6_473_322)]
)
def test_parameters_of_the_released_code(gates: str, count: int) -> None:
    """3D, 1 channel, 4 classes, feature scale 4: unet_CT_dsv, .._single_att_dsv, .._multi_att_dsv.

    The first is the deep-supervised U-Net without gates that the paper gives as 5.88 M.
    """
    with torch.device("meta"):
        network = registry.build(
            "attention_unet", dims=3, in_channels=1, out_channels=4, arguments={"gates": gates}
        )
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(("gates", "each"), [("none", 0), ("single", 1), ("multi", 2)])
def test_all_skips_but_the_first_are_gated(gates: str, each: int, dims: int) -> None:
    with torch.device("meta"):
        network = AttentionUNet(1, 2, dims=dims, width=4, gates=gates)
        x = torch.empty(2, 1, *(32, 16, 48)[:dims])
        shapes = [tuple(alpha.shape) for alpha in network.attention(x)]
    kinds = [isinstance(skip, GatedSkip) for skip in network.skips]
    assert kinds == [False, *[each > 0] * 3]
    wanted = [(2, 1, *(n // 2**level for n in x.shape[2:])) for level in (1, 2, 3)]
    assert shapes == [shape for shape in wanted for _ in range(each)]
    gated = [m for m in network.modules() if isinstance(m, AttentionGate)]
    assert len(gated) == 3 * each
    for gate in gated:
        assert gate.theta.kernel_size == gate.theta.stride == (2,) * dims
        assert gate.theta.bias is None
        assert gate.phi.kernel_size == gate.psi.kernel_size == (1,) * dims
        assert isinstance(gate.output[1], nn.modules.batchnorm._BatchNorm)


def test_gate_is_that_of_the_paper() -> None:
    """By hand, where the coefficients are the same everywhere."""
    gate = AttentionGate(1, 1, dims=2, norm="none").double()
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.zero_()
        gate.theta.weight.fill_(0.25)  # the mean of 2x2 pixels
        gate.phi.weight.fill_(2.0)
        gate.phi.bias.fill_(-1.0)
        gate.psi.weight.fill_(1.0)
        gate.psi.bias.fill_(-3.0)
        gate.output[0].weight.fill_(1.0)
        x = torch.full((1, 1, 4, 4), 5.0, dtype=torch.float64)
        for g, squeezed in ((1.0, 6.0), (-9.0, 0.0)):  # relu(5 + 2 g - 1)
            y, alpha = gate(x, torch.full((1, 1, 2, 2), g, dtype=torch.float64))
            expected = torch.sigmoid(torch.tensor(squeezed - 3.0, dtype=torch.float64))
            torch.testing.assert_close(alpha, expected.expand_as(alpha))
            torch.testing.assert_close(y, expected * x)


def test_a_closed_gate_lets_nothing_through() -> None:
    torch.manual_seed(0)
    network = AttentionUNet(1, 2, width=2, depth=2, gates="single", norm="none").eval()
    (gate,) = network.skips[1].gates
    x = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        (alpha,) = network.attention(x)
        assert 0 < alpha.min() < alpha.max() < 1
        before = network(x)
        gate.psi.bias.fill_(-1e4)
        assert not network.attention(x)[0].any()
        assert not torch.equal(network(x), before)
        closed = network(x)
        gate.output[0].weight.normal_()  # of what comes through: nothing
        torch.testing.assert_close(network(x), closed)


@pytest.mark.parametrize("gates", ["none", "single", "multi"])
@pytest.mark.parametrize("depth", [2, 3])
def test_tiles_are_exact_with_batch_normalisation(gates: str, depth: int) -> None:
    """A window with its halo gives what the whole image gives there."""
    torch.manual_seed(1)
    arguments = {"width": 2, "depth": depth, "gates": gates}
    network = registry.build(
        "attention_unet", dims=2, in_channels=1, out_channels=2, arguments=arguments
    ).double()
    sizes = registry.geometry("attention_unet", arguments)
    stride, halo = sizes.stride[0], sizes.halo[0]
    side = 2 * halo + 4 * stride
    x = torch.randn(1, 1, side, side, dtype=torch.float64)
    with torch.no_grad():
        network.train()(x)
        network.eval()
        whole = trim(network(x), halo + stride)
        part = trim(network(trim(x, stride)), halo)
    torch.testing.assert_close(part, whole)


def test_fusion_starts_as_the_mean_and_keeps_it_when_a_class_is_added() -> None:
    torch.manual_seed(2)
    few = AttentionUNet(1, 2, width=2, depth=3, gates="single").eval()
    many = AttentionUNet(1, 5, width=2, depth=3, gates="single").eval()
    heads: list[torch.Tensor] = []
    for head in few.head:
        head.register_forward_hook(lambda _m, _i, out: heads.append(out))
    x = torch.randn(1, 1, 8, 16)
    with torch.no_grad():
        logits = few(x)
        whole = [nn.functional.interpolate(one, size=x.shape[2:], mode="bilinear") for one in heads]
        torch.testing.assert_close(logits, torch.stack(whole).mean(0))
        few.head_fusion.weight.normal_()
        copy_overlap(few.state_dict(), many)
        torch.testing.assert_close(many(x)[:, :2], few(x))
