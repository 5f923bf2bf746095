"""Sizes by formula against sizes measured on the networks themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks.geometry import Geometry, encoder_decoder_geometry
from napari_unet.networks.registry import build, geometry, spec

CASES = [
    (name, dims, depth, padding)
    for name in ("unet", "lunet")
    for dims, depth in ((2, 1), (2, 2), (2, 3), (3, 1))
    for padding in ("valid", "same")
]


def live_network(name: str, dims: int, depth: int, padding: str) -> nn.Module:
    """All paths open: positive weights, and means in place of maxima."""
    torch.manual_seed(0)
    arguments = {"width": 1, "depth": depth, "padding": padding, "norm": "none"}
    network = build(name, dims=dims, in_channels=1, out_channels=1, arguments=arguments)
    network.pool = nn.ModuleList([{2: nn.AvgPool2d, 3: nn.AvgPool3d}[dims](2)] * depth)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.5)
            parameter /= parameter[0].numel()
    return network.double().eval()


def measured_reach(network: nn.Module, sizes: Geometry, dims: int) -> int:
    """Largest distance along an axis at which an output answers to an input, by gradients.

    Each output of one stride is asked on its own, for they differ in what they see.
    """
    stride = sizes.stride[0]
    around = sizes.reach[0] + 2 * stride
    n = sizes.input_size(sizes.output_size((2 * around + stride,) * dims))[0]
    x = torch.ones(1, 1, *(n,) * dims, dtype=torch.float64, requires_grad=True)
    out = network(x)
    border = sizes.border[0]
    assert out.shape[-1] == n - 2 * border
    reach = 0
    start = around // stride * stride
    for phase in range(stride):
        place = (start + phase,) + (start,) * (dims - 1)
        (gradient,) = torch.autograd.grad(out[(0, 0, *place)], x, retain_graph=True)
        lines = gradient[0, 0].flatten(1).abs().sum(1).nonzero().flatten() - border
        first, last = int(lines[0]), int(lines[-1])
        assert first > -border or border > 0  # a padded network does not touch its edge here
        reach = max(reach, start + phase - first, last - start - phase)
    return reach


@pytest.mark.parametrize(("name", "dims", "depth", "padding"), CASES)
def test_reach_is_the_measured_one(name: str, dims: int, depth: int, padding: str) -> None:
    sizes = geometry(name, {"depth": depth, "padding": padding}, dims)
    network = live_network(name, dims, depth, padding)
    assert measured_reach(network, sizes, dims) == sizes.reach[0]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_perturbed_pixel_changes_nothing_beyond_the_reach(depth: int) -> None:
    sizes = geometry("unet", {"depth": depth, "padding": "same"})
    torch.manual_seed(1)
    network = build(
        "unet",
        dims=2,
        in_channels=1,
        out_channels=2,
        arguments={"width": 3, "depth": depth, "padding": "same"},
    ).eval()
    middle = sizes.reach[0] // sizes.stride[0] * sizes.stride[0] + 2 * sizes.stride[0]
    n = 2 * middle + sizes.stride[0]
    x = torch.randn(1, 1, n, n)
    with torch.no_grad():
        before = network(x)
        x[..., middle, middle] += 100
        changed = (network(x) != before).any(1)[0].nonzero() - middle
    assert 0 < changed.abs().max() <= sizes.reach[0]


@pytest.mark.parametrize(("name", "dims", "depth", "padding"), CASES)
def test_smallest_sizes_work(name: str, dims: int, depth: int, padding: str) -> None:
    arguments = {"width": 1, "depth": depth, "padding": padding}
    sizes = geometry(name, arguments, dims)
    network = build(name, dims=dims, in_channels=1, out_channels=2, arguments=arguments).eval()
    for k in (0, 1):
        output = tuple(b + k * s for b, s in zip(sizes.base, sizes.stride, strict=True))
        size = sizes.input_size(output)
        sizes.check_input(size)
        assert network(torch.zeros(1, 1, *size)).shape == (1, 2, *output)
    less = tuple(n - s for n, s in zip(sizes.input_size(sizes.base), sizes.stride, strict=True))
    with pytest.raises(UserError, match="plus a multiple of"):
        sizes.check_input(less)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, 1, *less))


def test_unet_2015() -> None:
    sizes = geometry("unet", {})
    assert sizes.border == sizes.halo == (92, 92)
    assert sizes.base == (4, 4)
    assert sizes.stride == (16, 16)
    assert sizes.input_size((388, 388)) == (572, 572)
    sizes.check_input((572, 188))
    with pytest.raises(UserError, match="188 pixels plus a multiple of 16"):
        sizes.check_input((572, 571))
    with pytest.raises(UserError, match="2 spatial axes"):
        sizes.check_input((572,))


def test_halo_of_padded_networks_covers_the_reach() -> None:
    sizes = geometry("unet", {"padding": "same"})
    assert sizes.padded
    assert sizes.reach == (107, 107)
    assert sizes.receptive_field == (215, 215)
    assert sizes.halo == (112, 112)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5), st.booleans(), st.integers(1, 3), st.integers(1, 500))
def test_output_size_is_the_smallest_that_fits(
    depth: int, padded: bool, convolutions: int, wished: int
) -> None:
    sizes = encoder_decoder_geometry(depth, 2, padded=padded, convolutions=convolutions)
    size = sizes.output_size((wished, 1))
    assert size[0] >= wished
    assert size[1] == sizes.base[1]
    assert size[0] == sizes.base[0] or size[0] - sizes.stride[0] < wished
    sizes.check_input(sizes.input_size(size))


def deep(name: str) -> dict[str, Any]:
    """Arguments of a small network that is deep enough for a halo beyond its context."""
    known = spec(name).arguments.model_fields
    wanted = {"width": 2, "padding": "same", "depth": 3, "flat": 0}
    return {key: value for key, value in wanted.items() if key in known}


@pytest.mark.parametrize(
    "name", ["unet", "unetpp", "unet_reduced_skip", "multimodal_unet", "unet3d"]
)
@torch.inference_mode()
def test_whole_strides_depend_on_nothing_beyond_the_context(name: str) -> None:
    dims, channels = spec(name).dims[0], 2
    sizes = geometry(name, deep(name), dims)
    assert all(c < h for c, h in zip(sizes.context, sizes.halo, strict=True))
    torch.manual_seed(0)
    network = build(name, dims=dims, in_channels=channels, out_channels=2, arguments=deep(name))
    exactly = torch.float64 if dims == 2 else torch.float32
    network = network.to(exactly).eval()
    side = [2 * h + s for h, s in zip(sizes.halo, sizes.stride, strict=True)]
    x = torch.randn(1, channels, *side, dtype=exactly)
    more = [h - c for h, c in zip(sizes.halo, sizes.context, strict=True)]
    inside = (..., *(slice(n, -n) for n in more))
    middle = (..., *(slice(h, -h) for h in sizes.halo))
    # Cut off, zeros stand in its place.
    without = (..., *(slice(c, -c) for c in sizes.context))
    close = {"rtol": 0, "atol": 1e-12 if dims == 2 else 1e-5}
    torch.testing.assert_close(network(x[inside])[without], network(x)[middle], **close)
    if name == "unet":  # and on what is within it, it does depend
        near = x.clone()
        near[(..., *(slice(n + 2, n + 3) for n in more))] += 1e3
        assert not torch.equal(network(near)[middle], network(x)[middle])
