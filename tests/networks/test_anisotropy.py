"""Poolings that follow the voxels: chosen by rule, sizes by formula against measured ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.anisotropy import Pooling, pooling_for, radii
from napari_unet.networks.blocks import trim
from napari_unet.prediction.predictor import Predictor

POOLINGS: list[Pooling] = [
    ((1, 2, 2),),
    ((1, 2, 2), (2, 2, 2)),
    ((2, 2, 2), (1, 2, 2)),
    ((1, 2, 2), (1, 2, 2)),
    ((2, 1, 2), (2, 2, 1)),
]


def make(name: str, pooling: Pooling, padding: str) -> tuple[nn.Module, dict[str, object]]:
    torch.manual_seed(0)
    arguments = {
        "width": 2,
        "depth": len(pooling),
        "padding": padding,
        "norm": "none",
        "pooling": pooling,
    }
    network = registry.build(name, dims=3, in_channels=1, out_channels=2, arguments=arguments)
    return network.double().eval(), arguments


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        ((1, 1, 1), None),
        ((0.235, 0.15, 0.15), None),
        ((2, 1, 1), ((1, 2, 2), (2, 2, 2), (2, 2, 2))),
        ((4, 1, 1), ((1, 2, 2), (1, 2, 2), (2, 2, 2))),
        ((1, 4, 4), ((2, 1, 1), (2, 1, 1), (2, 2, 2))),
        ((45, 4.6, 4.6), ((1, 2, 2),) * 3),
    ],
)
def test_long_voxels_wait_for_the_others(spacing: tuple[float, ...], expected: object) -> None:
    assert pooling_for(spacing, 3) == expected


def test_few_planes_are_not_halved_to_nothing() -> None:
    assert pooling_for((1, 1, 1), 3, (5, 64, 64)) == ((2, 2, 2), (1, 2, 2), (1, 2, 2))
    assert pooling_for((1, 1, 1), 3, (35, 51, 36)) is None
    # Nothing but one long axis is left: it is pooled all the same, for a level has to do something.
    assert pooling_for((1, 1, 1), 2, (3, 3, 3)) is None


def test_levels_look_along_an_axis_from_where_it_is_pooled_on() -> None:
    assert radii(((1, 2, 2), (2, 2, 2)), 3) == [(0, 1, 1), (1, 1, 1), (1, 1, 1)]
    assert radii(((1, 2, 2), (1, 2, 2)), 3) == [(0, 1, 1), (0, 1, 1), (1, 1, 1)]
    assert radii(((2, 2),), 2) == [(1, 1), (1, 1)]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_sizes_and_reach_are_the_measured_ones(pooling: Pooling, padding: str) -> None:
    network, arguments = make("unet", pooling, padding)
    sizes = registry.geometry("unet", arguments, 3)
    for k in (0, 1):
        output = tuple(b + k * s for b, s in zip(sizes.base, sizes.stride, strict=True))
        size = sizes.input_size(output)
        sizes.check_input(size)
        assert network(torch.zeros(1, 1, *size, dtype=torch.float64)).shape[2:] == output
    network.pool = nn.ModuleList(nn.AvgPool3d(factors) for factors in pooling)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.5)
            parameter /= parameter[0].numel()
    for axis in range(3):
        assert measured_reach(network, sizes, axis) == sizes.reach[axis]


def measured_reach(network: nn.Module, sizes: registry.Geometry, axis: int) -> int:
    stride, border = sizes.stride[axis], sizes.border[axis]
    around = -(-(sizes.reach[axis] + stride) // stride) * stride
    wish = [2 * s for s in sizes.stride]
    wish[axis] = 2 * around + stride
    x = torch.ones(1, 1, *sizes.input_size(sizes.output_size(tuple(wish))), dtype=torch.float64)
    x.requires_grad_(True)
    out = network(x)
    reach = 0
    for phase in range(stride):
        place: list[int | slice] = [slice(None)] * 3
        place[axis] = around + phase
        (gradient,) = torch.autograd.grad(out[(0, 0, *place)].sum(), x, retain_graph=True)
        other = tuple(a for a in range(3) if a != axis)
        hit = gradient[0, 0].abs().sum(other).nonzero().flatten() - border
        reach = max(reach, around + phase - int(hit[0]), int(hit[-1]) - around - phase)
    return reach


@pytest.mark.parametrize("name", ["unet", "lunet"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_margin_by_axis_is_cropping_without_the_work(name: str, pooling: Pooling) -> None:
    network, arguments = make(name, pooling, "same")
    stride = registry.geometry(name, arguments, 3).stride
    margin = [m * s for m, s in zip((1, 2, 0), stride, strict=True)]
    size = [2 * m + 2 * s for m, s in zip(margin, stride, strict=True)]
    x = torch.randn(1, 1, *size, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x, margin), trim(network(x), margin))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_box_tiles_are_exact(padding: str) -> None:
    network, arguments = make("unet", ((1, 2, 2), (2, 2, 2)), padding)
    sizes = registry.geometry("unet", arguments, 3)
    predictor = Predictor(network.float(), sizes, device=torch.device("cpu"))
    volume = torch.randn(1, 7, 33, 29).numpy()
    whole = predictor.probability(volume, tile=(7, 33, 29))
    parts = predictor.probability(volume, tile=(2, 12, 16))
    assert abs(whole - parts).max() < 1e-5


def test_poolings_that_do_not_fit_are_one_sentence() -> None:
    for pooling, words in (
        ([[2, 2, 2]], "one tuple for each"),
        ([[2, 2], [2, 2]], "has 2 factors a level"),
        ([[2, 2, 2], [2, 2]], "one factor for each axis"),
        ([[3, 2, 2], [2, 2, 2]], "is 1 or 2"),
    ):
        with pytest.raises(UserError, match=words):
            registry.check_arguments("unet", {"depth": 2, "pooling": pooling}, 3)
