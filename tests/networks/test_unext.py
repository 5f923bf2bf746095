"""UNeXt: its counts, shifts, tokens, exact reach."""

from __future__ import annotations

import pytest
import torch
from open_paths import exact_reach
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.unext import ShiftedMLP, UNeXt, shift


@pytest.mark.parametrize(
    ("width", "multiples", "count"),
    [(16, (1, 2, 8, 10, 16), 1_471_921), (8, (1, 2, 4, 8, 16), 253_561)],
)
def test_it_has_the_parameters_of_the_authors_code(
    width: int, multiples: tuple[int, ...], count: int
) -> None:
    with torch.device("meta"):
        network = UNeXt(3, 1, width=width, multiples=multiples)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("axis", [2, 3])
def test_five_groups_move_by_minus_2_to_2_and_zeros_move_in(axis: int) -> None:
    x = torch.rand(2, 10, 6, 7) + 1
    y = shift(x, axis, 5)
    assert y.shape == x.shape
    size = x.shape[axis]
    for group, by in enumerate((-2, -1, 0, 1, 2)):
        old, new = x[:, 2 * group : 2 * group + 2], y[:, 2 * group : 2 * group + 2]
        kept = size - abs(by)
        torch.testing.assert_close(
            new.narrow(axis, max(0, by), kept), old.narrow(axis, max(0, -by), kept)
        )
        assert not new.narrow(axis, 0 if by > 0 else kept, abs(by)).any()


def test_the_last_group_may_be_smaller() -> None:
    """As in the authors' code: 256 channels fall into 52, 52, 52, 52 and 48."""
    x = torch.zeros(1, 256, 1, 5)
    x[..., 2] = 1
    place = shift(x, 3, 5)[0, :, 0].argmax(1)
    assert torch.bincount(place).tolist() == [52, 52, 52, 52, 48]


def test_a_token_depends_on_no_statistics_of_others() -> None:
    torch.manual_seed(0)
    block = ShiftedMLP(10, 5).double()
    x = torch.randn(1, 10, 15, 15, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(block(x)[0, :, 7, 7].square().sum(), x)
    seen = gradient[0].abs().sum(0) > 0
    assert seen[4:11, 4:11].any(0).all()
    assert seen[4:11, 4:11].any(1).all()
    seen[4:11, 4:11] = False
    assert not seen.any()


def test_skips_are_added() -> None:
    """Without what comes from below, the level of half resolution passes its own map on."""
    network = UNeXt(1, 1, width=2, multiples=(1, 2, 3, 3, 4), shifts=3).eval()
    below = network.up[3]
    nn.init.zeros_(below[0].weight)
    nn.init.zeros_(below[0].bias)
    x = torch.randn(1, 1, 32, 64)
    expected = network.head(network.up[4](network.contracting[0](x)))
    torch.testing.assert_close(network(x), expected)


@pytest.mark.parametrize("shifts", [1, 3, 5])
def test_its_reach_is_exact(shifts: int) -> None:
    arguments = {"width": 5, "multiples": (1, 1, 1, 1, 1), "shifts": shifts}
    network = UNeXt(1, 1, **arguments)
    for block in network.contracting:
        block[2] = nn.AvgPool2d(2)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):  # weights that are all alike cancel in it
            module.forward = lambda x: x  # type: ignore[method-assign]
    sizes = registry.geometry("unext", arguments)
    assert exact_reach(network, 32, sizes.halo[0] + 64) == sizes.reach[0]


def test_shifts_have_a_middle() -> None:
    with pytest.raises(UserError, match=r"'shifts' .* cannot be 4: .* odd"):
        registry.check_arguments("unext", {"shifts": 4})
