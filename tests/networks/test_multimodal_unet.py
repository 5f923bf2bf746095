"""``multimodal_unet``: apart, averaged, and what happens when a modality is missing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.multimodal_unet import MultimodalUNet, mean_of_used

NAN = float("nan")


def small(channels: int = 3, **arguments: object) -> MultimodalUNet:
    torch.manual_seed(1)
    return MultimodalUNet(channels, 2, width=2, depth=2, **arguments)


def trained(network: MultimodalUNet, x: Tensor) -> MultimodalUNet:
    with torch.no_grad():
        network.train()(x)
    return network.eval()


def without(x: Tensor, *channels: int) -> Tensor:
    x = x.clone()
    x[:, list(channels)] = NAN
    return x


def test_each_group_of_channels_has_a_path() -> None:
    assert [p[0][0].in_channels for p in small(3).contracting] == [1, 1, 1]
    assert [p[0][0].in_channels for p in small(3, groups=(1, 2)).contracting] == [1, 2]
    one = sum(p.numel() for p in small(1).contracting.parameters())
    assert sum(p.numel() for p in small(3).contracting.parameters()) == 3 * one


def test_groups_must_be_all_channels() -> None:
    with pytest.raises(UserError, match="divides 3 channels, but the images have 4"):
        small(4, groups=(1, 2))
    with pytest.raises(UserError, match=r"'groups\.0' of network 'multimodal_unet' cannot be 0"):
        registry.check_arguments("multimodal_unet", {"groups": [0, 1]})


@pytest.mark.parametrize("dims", [2, 3])
def test_mean_is_over_those_present(dims: int) -> None:
    maps = [torch.full((3, 1, *(2,) * dims), v) for v in (1.0, 3.0, NAN)]
    used = torch.tensor([[True, True, False], [False, True, False], [False, False, False]])
    mean = mean_of_used(maps, used)
    assert mean.shape == maps[0].shape
    assert mean.flatten(1)[:, 0].tolist() == [2.0, 3.0, 0.0]


def test_a_missing_modality_is_as_if_it_had_never_been() -> None:
    x = torch.randn(2, 3, 8, 12)
    three = trained(small(3), x)
    two = small(2).eval()
    two.load_state_dict(three.state_dict(), strict=False)
    with torch.no_grad():
        torch.testing.assert_close(three(without(x, 2)), two(x[:, :2]))
        assert not torch.allclose(three(without(x, 2)), three(x))
        assert three(without(x, 0, 1, 2)).isfinite().all()


def test_images_of_a_batch_may_lack_different_modalities() -> None:
    x = torch.randn(2, 3, 8, 8)
    x[0, 1] = NAN
    x[1, 2] = NAN
    network = trained(small(3), x.nan_to_num())
    with torch.no_grad():
        torch.testing.assert_close(network(x), torch.cat([network(x[:1]), network(x[1:])]))


def test_a_group_is_missing_only_when_all_of_it_is() -> None:
    x = torch.randn(2, 3, 8, 8)
    network = trained(small(3, groups=(1, 2)), x)
    with torch.no_grad():
        zero = x.clone()
        zero[:, 2] = 0
        torch.testing.assert_close(network(without(x, 2)), network(zero))
        zero[:, 1] = 0
        assert not torch.allclose(network(without(x, 1, 2)), network(zero))


def test_gradients_stay_finite_when_a_modality_is_missing() -> None:
    network = small(2)
    network(without(torch.randn(2, 2, 8, 8), 0)).square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_modality_dropout_leaves_out_but_never_all() -> None:
    network = small(3, modality_dropout=0.4)
    x = list(without(torch.randn(4000, 3, 1, 1), 0).split(1, 1))
    x[0][:2000] = 0.0  # the others lack the first
    used = network.train()._used(x)
    assert used.any(1).all()
    assert not used[2000:, 0].any()
    # One of three is left out with 0.4 unless all three are, when the luckiest stays.
    expected = 0.6 + 0.4**3 / 3
    assert used[:2000].float().mean().item() == pytest.approx(expected, abs=0.02)
    assert used[2000:, 1:].float().mean().item() == pytest.approx(0.6 + 0.4**2 / 2, abs=0.02)
    assert torch.equal(network.eval()._used(x)[:, 0], torch.arange(4000) < 2000)


def test_a_single_modality_is_never_dropped() -> None:
    network = small(1, modality_dropout=0.9)
    assert network.train()._used([torch.zeros(50, 1, 2, 2)]).all()


def test_the_exported_network_copes_with_a_missing_modality() -> None:
    x = torch.randn(1, 2, 8, 8)
    network = trained(small(2), torch.randn(2, 2, 8, 8))
    exported = torch.export.export(network, (x,)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(without(x, 0)), network(without(x, 0)))
