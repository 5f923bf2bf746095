"""UNet++: published counts, nested skips, and the two modes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.blocks import trim
from napari_unet.networks.unet import UNet
from napari_unet.networks.unetpp import UNetPlusPlus


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.fixture
def network() -> UNetPlusPlus:
    """In evaluation mode, with heads that differ."""
    torch.manual_seed(3)
    return UNetPlusPlus(2, 3, width=2, depth=3, norm="batch", level=3).eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 2, 16, 24, generator=torch.Generator().manual_seed(0))


def test_parameters_of_the_released_code() -> None:
    """1 channel, 1 class; a head more on each of x^{0,1..3} are 33 parameters."""
    with torch.device("meta"):
        assert parameters(UNetPlusPlus(1, 1, deep_supervision=False)) == 9_041_601
        assert parameters(UNetPlusPlus(1, 1)) == 9_041_700 == 9_041_601 + 3 * 33


@pytest.mark.parametrize(("width", "count"), [(32, 7_759_521), (35, 9_282_246)])
def test_our_unet_is_what_the_paper_compares_with(width: int, count: int) -> None:
    """Their U-Net of widths 32, 64, .. and the wide one of 35, 70, .., as many as UNet++ has."""
    with torch.device("meta"):
        assert parameters(UNet(1, 1, width=width, padding="same")) == count


def test_configuration_of_the_paper() -> None:
    with torch.device("meta"):
        network = UNetPlusPlus(1, 1)
    kinds = [type(m) for m in network.modules()]
    assert nn.BatchNorm2d not in kinds
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert kinds.count(nn.Dropout) == kinds.count(nn.ReLU) == 2 * 15
    assert len(network.node) == 15
    assert [network.node[f"{i}_0"][0].out_channels for i in range(5)] == [32, 64, 128, 256, 512]
    assert [network.node[f"0_{j}"][0].in_channels for j in range(5)] == [1, 64, 96, 128, 160]
    assert {m.kernel_size for m in network.up.values()} == {(2, 2)}
    assert {m.stride for m in network.up.values()} == {(2, 2)}
    assert list(network.head) == ["1", "2", "3", "4"]


def test_accurate_mode_gives_the_mean_of_the_probabilities(
    network: UNetPlusPlus, x: Tensor
) -> None:
    with torch.no_grad():
        heads = [torch.softmax(one, 1) for one in network.heads(x)]
        torch.testing.assert_close(torch.softmax(network(x), 1), torch.stack(heads).mean(0))
    assert len(heads) == 3
    assert not torch.allclose(heads[0], heads[2], atol=0.01)


@pytest.mark.parametrize("value", [0.0, 1e4])
def test_accurate_mode_stands_extreme_logits(
    network: UNetPlusPlus, x: Tensor, value: float
) -> None:
    for head in network.head.values():
        head.bias.data[0] = value
    logits = network(x)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("dims", [2, 3])
def test_fast_mode_is_one_head_of_the_whole_network(level: int, dims: int) -> None:
    torch.manual_seed(4)
    whole = UNetPlusPlus(1, 2, dims=dims, width=2, depth=3, norm="batch", level=3)
    x = torch.randn(1, 1, *(8, 16, 8)[:dims])
    with torch.no_grad():
        whole.train()(x)
        fast = UNetPlusPlus(
            1, 2, dims=dims, width=2, depth=3, norm="batch", mode="fast", level=level
        )
        assert fast.state_dict().keys() == whole.state_dict().keys()
        fast.load_state_dict(whole.state_dict())
        head = whole.eval().heads(x)[level - 1]
        torch.testing.assert_close(fast.eval()(x), head)
        torch.testing.assert_close(torch.stack(fast.heads(x)), torch.stack(whole.heads(x)))
        whole.mode, whole.level = "fast", level
        assert torch.equal(whole(x), fast(x))


def test_fast_mode_does_less_work() -> None:
    def flops(mode: str, level: int) -> int:
        with torch.device("meta"), torch.no_grad():
            network = UNetPlusPlus(1, 2, mode=mode, level=level).eval()  # type: ignore[arg-type]
            with FlopCounterMode(display=False) as counter:
                network(torch.empty(1, 1, 64, 64))
        return int(counter.get_total_flops())

    work = [flops("fast", level) for level in (1, 2, 3, 4)]
    accurate = flops("accurate", 4)
    assert work == sorted(set(work))
    assert work[0] < 0.12 * accurate
    assert work[1] < 0.3 * accurate
    # At the last level only the three other heads are spared: 32 channels to 2 classes.
    assert accurate - work[3] == 2 * 3 * 32 * 2 * 64 * 64


def test_pruned_nodes_are_not_touched(network: UNetPlusPlus, x: Tensor) -> None:
    network.mode, network.level = "fast", 1
    needed = {"node.0_0", "node.1_0", "node.0_1", "up.0_1", "head.1"}
    ran: set[str] = set()
    for name, module in network.named_modules():
        if name.count(".") == 1:
            module.register_forward_hook(lambda _m, _i, _o, name=name: ran.add(name))
    network(x)
    assert ran == needed


def test_one_head_without_deep_supervision(x: Tensor) -> None:
    torch.manual_seed(5)
    network = UNetPlusPlus(2, 3, width=2, depth=2, deep_supervision=False, level=2).eval()
    (only,) = network.heads(x)
    assert torch.equal(network(x), only)
    network.mode = "fast"
    torch.testing.assert_close(network(x), only)


@pytest.mark.parametrize("level", [1, 2])
def test_tiles_of_the_fast_mode_are_exact(level: int) -> None:
    """With the halo of the pruned network, which is smaller."""
    torch.manual_seed(6)
    arguments = {"width": 2, "depth": 2, "mode": "fast", "level": level}
    network = registry.build(
        "unetpp", dims=2, in_channels=1, out_channels=2, arguments=arguments
    ).double()
    sizes = registry.geometry("unetpp", arguments)
    stride, halo = sizes.stride[0], sizes.halo[0]
    assert sizes.reach[0] == {1: 9, 2: 23}[level]
    x = torch.randn(1, 1, *[2 * halo + 4 * stride] * 2, dtype=torch.float64)
    with torch.no_grad():
        whole = trim(network.eval()(x), halo + stride)
        part = trim(network(trim(x, stride)), halo)
    torch.testing.assert_close(part, whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "fast", "level": 5}, "'level' .* cannot be 5: .*heads from 1 to 4"),
        ({"mode": "fast", "depth": 3}, "'level' .* cannot be 4: .*heads from 1 to 3"),
        ({"mode": "fast", "level": 2, "deep_supervision": False}, "cannot be 2: .*only at 4"),
        ({"mode": "slow"}, "'mode' of network 'unetpp' cannot be 'slow'"),
    ],
)
def test_a_level_without_a_head_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.check_arguments("unetpp", arguments)
    if arguments["mode"] == "fast":
        with pytest.raises(ValueError, match="no head at level"):
            UNetPlusPlus(1, 2, **arguments)


def test_what_may_be_asked() -> None:
    for arguments in ({"depth": 3}, {"mode": "fast"}, {"mode": "fast", "deep_supervision": False}):
        registry.check_arguments("unetpp", arguments)
