"""TransUNet: published counts, sizes, attention, position embeddings."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.standardised import StandardisedConv2d
from napari_unet.networks.transformer import SelfAttention
from napari_unet.networks.transunet import Bottleneck, TransUNet

TINY: dict[str, Any] = {**registry.spec("transunet").tiny, "dropout": 0.0}


def parameters(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.fixture(scope="module")
def published() -> TransUNet:
    with torch.device("meta"):
        return TransUNet(3, 9)


def test_it_has_the_parameters_of_the_authors_code(published: TransUNet) -> None:
    assert parameters(published) == 105_277_081
    assert parameters(published.stem) == 11_894_848
    assert parameters(published.bridge, published.expansive, published.head) == 7_388_505
    assert published.positions.shape == (1, 768, 14, 14)


def test_the_large_one_too() -> None:
    """R50-ViT-L/16."""
    with torch.device("meta"):
        large = TransUNet(3, 9, dim=1024, layers=24, heads=16, mlp=4096)
    assert parameters(large) == 324_024_729


def test_maps_have_the_sizes_and_channels_of_the_paper(published: TransUNet) -> None:
    x, skips = published.stem(torch.empty(1, 3, 224, 224, device="meta"))
    assert x.shape == (1, 1024, 14, 14)
    assert [tuple(s.shape[1:]) for s in skips] == [(64, 112, 112), (256, 56, 56), (512, 28, 28)]
    assert [len(stage) for stage in published.stem.stages] == [3, 4, 9]
    assert [block[0].out_channels for block in published.expansive] == [256, 128, 64, 16]
    assert [block[0].in_channels for block in published.expansive] == [1024, 512, 192, 64]
    kinds = [type(m) for m in published.stem.modules() if isinstance(m, nn.Conv2d)]
    assert set(kinds) == {StandardisedConv2d}


def test_the_skip_of_a_quarter_has_zeros_where_the_pooling_lacks_a_row() -> None:
    torch.manual_seed(0)
    _, skips = TransUNet(1, 2, **TINY).eval().stem(torch.randn(1, 1, 32, 48))
    assert skips[1].shape[2:] == (8, 12)
    assert not skips[1][..., -1, :].any()
    assert not skips[1][..., -1].any()
    assert skips[1][..., :-1, :-1].any(2).any()


def test_a_shortcut_has_a_convolution_only_where_the_shape_changes() -> None:
    assert isinstance(Bottleneck(8, 2).shortcut, nn.Identity)
    assert isinstance(Bottleneck(8, 4).shortcut, nn.Sequential)
    assert isinstance(Bottleneck(8, 2, stride=2).shortcut, nn.Sequential)


def test_attention_by_its_definition() -> None:
    torch.manual_seed(1)
    attention = SelfAttention(6, 2).double()
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    q, k, v = attention.query_key_value(x).split(6, 2)
    heads = []
    for own in (slice(0, 3), slice(3, 6)):
        weights = (q[..., own] @ k[..., own].transpose(1, 2) / math.sqrt(3)).softmax(2)
        heads.append(weights @ v[..., own])
    torch.testing.assert_close(attention(x), attention.output(torch.cat(heads, 2)))


def test_every_pixel_answers_to_every_other() -> None:
    torch.manual_seed(2)
    network = TransUNet(1, 2, **TINY).double().eval()
    x = torch.randn(1, 1, 48, 48, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 0, 0], x)
    assert (gradient[0, 0].abs() > 0).float().mean() > 0.95
    sizes = registry.geometry("transunet", TINY)
    assert not sizes.tile_exact
    assert sizes.window == (48, 48)


def test_position_embeddings_are_resized_to_other_sizes() -> None:
    torch.manual_seed(3)
    network = TransUNet(1, 2, **TINY).eval()
    x = torch.randn(1, 1, 96, 64)
    with torch.no_grad():
        resized = functional.interpolate(network.positions, size=(6, 4), mode="bilinear")
        there = network(x)
        network.positions = nn.Parameter(resized)
        torch.testing.assert_close(network(x), there)
        nn.init.zeros_(network.positions)
        assert (network(x) - there).abs().max() > 0


@pytest.mark.parametrize(("image_size", "window"), [(224, 224), (225, 240), (500, 512)])
def test_the_window_is_what_it_was_made_for(image_size: int, window: int) -> None:
    sizes = registry.geometry("transunet", {"image_size": image_size})
    assert sizes.window == (window, window)
    assert sizes.output_size((1, 33)) == (32, 48)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="a multiple of heads"):
        registry.check_arguments("transunet", {"dim": 100, "heads": 12})
    with pytest.raises(UserError, match="in 2D, not in 3D"):
        registry.geometry("transunet", {}, 3)
    with pytest.raises(UserError, match="needs 32 pixels plus a multiple of 16"):
        registry.geometry("transunet", {}).check_input((16, 32))


def test_any_number_of_channels_goes_in_as_it_is(published: TransUNet) -> None:
    with torch.device("meta"):
        grey = TransUNet(1, 9)
    assert parameters(published) - parameters(grey) == 2 * 64 * 7 * 7
