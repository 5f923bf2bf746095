"""What every network of the catalogue must do, as a miniature (``NetworkSpec.tiny``)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_unet.networks import registry
from napari_unet.networks.catalogue import BUILT_IN
from napari_unet.networks.geometry import Geometry
from napari_unet.networks.spec import NetworkSpec

ALL = [pytest.param(one, d, id=f"{one.name}-{d}d") for one in BUILT_IN for d in one.dims]
EXACT = [
    pytest.param(*p.values, id=p.id)
    for p in ALL
    if p.values[0].geometry(p.values[0].arguments(**p.values[0].tiny), p.values[1]).tile_exact
]


def make(one: NetworkSpec, dims: int, channels: int = 1, classes: int = 2) -> nn.Module:
    torch.manual_seed(dims)
    return registry.build(
        one.name, dims=dims, in_channels=channels, out_channels=classes, arguments=one.tiny
    )


def sizes_of(one: NetworkSpec, dims: int) -> Geometry:
    return registry.geometry(one.name, one.tiny, dims)


def some_input(sizes: Geometry, dims: int, channels: int = 1, batch: int = 1) -> Tensor:
    """Noise of a size that the network takes, different along each axis, and not the smallest."""
    wish = tuple(s + 1 + i * s for i, s in enumerate(sizes.stride))
    return torch.randn(batch, channels, *sizes.input_size(sizes.output_size(wish)))


def trained(network: nn.Module, x: Tensor) -> nn.Module:
    """In evaluation mode, with statistics that it has seen."""
    with torch.no_grad():
        network.train()(x)
    return network.eval()


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_output_has_the_promised_size(one: NetworkSpec, dims: int) -> None:
    sizes = sizes_of(one, dims)
    network = make(one, dims, channels=3, classes=4).eval()
    for k in (0, 1, 2):
        output = tuple(
            b + (k + i) * s for i, (b, s) in enumerate(zip(sizes.base, sizes.stride, strict=True))
        )
        size = sizes.input_size(output)
        sizes.check_input(size)
        assert network(torch.randn(2, 3, *size)).shape == (2, 4, *output)


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_gradients_reach_every_parameter(one: NetworkSpec, dims: int) -> None:
    from napari_unet.training.learner import heads

    sizes = sizes_of(one, dims)
    x = some_input(sizes, dims, channels=2, batch=2).double()
    # By stored statistics: those of the batch would take every bias before them away again.
    network = trained(make(one, dims, channels=2, classes=3).double(), x)
    sum((out.square().mean() for out in heads(network, x)), torch.zeros(())).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 1e-9, key


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_evaluation_is_deterministic_and_close_to_float64(one: NetworkSpec, dims: int) -> None:
    x = some_input(sizes_of(one, dims), dims, batch=2)
    network = trained(make(one, dims), x)
    with torch.no_grad():
        first, second = network(x), network(x)
        exact = network.double()(x.double())
    assert torch.equal(first, second)
    torch.testing.assert_close(first.double(), exact, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_it_runs_in_bf16(one: NetworkSpec, dims: int) -> None:
    x = some_input(sizes_of(one, dims), dims, batch=2)
    network = trained(make(one, dims), x)
    with torch.no_grad():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(x).float()
    assert rounded.isfinite().all()
    assert (rounded - exact).abs().mean() < 0.1 * (exact.abs().mean() + exact.std())


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_state_goes_to_another_network_of_the_kind(one: NetworkSpec, dims: int) -> None:
    x = some_input(sizes_of(one, dims), dims, batch=2)
    network = trained(make(one, dims), x)
    torch.manual_seed(99)
    other = registry.build(one.name, dims=dims, in_channels=1, out_channels=2, arguments=one.tiny)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(network(x), other.eval()(x))


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_only_layers_called_head_know_the_classes(one: NetworkSpec, dims: int) -> None:
    few = make(one, dims, classes=2).state_dict()
    many = make(one, dims, classes=5).state_dict()
    assert few.keys() == many.keys()
    differing = {key for key in few if few[key].shape != many[key].shape}
    assert differing
    assert all(key.startswith("head") for key in differing)


@pytest.mark.parametrize(("one", "dims"), ALL)
def test_forward_can_be_exported(one: NetworkSpec, dims: int) -> None:
    """No Python that depends on the data."""
    x = some_input(sizes_of(one, dims), dims)
    network = make(one, dims).eval()
    exported = torch.export.export(network, (x,)).module()
    other = torch.randn_like(x)
    torch.testing.assert_close(exported(other), network(other), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("one", "dims"), EXACT)
def test_shifting_by_the_stride_shifts_the_output(one: NetworkSpec, dims: int) -> None:
    """Far from the border, where a padded network sees what is not there."""
    sizes = sizes_of(one, dims)
    edge = tuple(r if sizes.padded else 0 for r in sizes.reach)
    wish = tuple(2 * e + 2 * s + 4 for e, s in zip(edge, sizes.stride, strict=True))
    size = sizes.input_size(sizes.output_size(wish))
    x = torch.randn(1, 1, *(n + s for n, s in zip(size, sizes.stride, strict=True)))
    network = trained(make(one, dims), x[(..., *(slice(n) for n in size))]).double()
    with torch.no_grad():
        a = network(x[(..., *(slice(n) for n in size))].double())
        b = network(x[(..., *(slice(s, None) for s in sizes.stride))].double())
    m = a.shape[2:]
    a = a[(..., *(slice(s + e, n - e) for s, e, n in zip(sizes.stride, edge, m, strict=True)))]
    b = b[(..., *(slice(e, n - s - e) for s, e, n in zip(sizes.stride, edge, m, strict=True)))]
    assert a.numel() > 0
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("one", "dims"), EXACT)
def test_reach_is_the_measured_one(one: NetworkSpec, dims: int) -> None:
    """The farthest input that an output answers to, over all outputs of one stride.

    A maximum hides some inputs from it, so that the formula may be larger by less than a stride.
    """
    sizes = sizes_of(one, dims)
    for axis in range(dims):
        if dims == 3 and axis == 1:
            continue  # like the last
        measured = _measured_reach(one, sizes, dims, axis)
        assert measured <= sizes.reach[axis]
        assert measured > sizes.reach[axis] - max(2, sizes.stride[axis])


def _measured_reach(one: NetworkSpec, sizes: Geometry, dims: int, axis: int) -> int:
    stride, border = sizes.stride[axis], sizes.border[axis]
    around = -(-(sizes.reach[axis] + 2 * stride) // stride) * stride
    # Across the axis as little as it can take and still know the middle from the edge.
    wish = [2 * s for s in sizes.stride]
    wish[axis] = 2 * around + stride
    size = sizes.input_size(sizes.output_size(tuple(wish)))
    x = torch.randn(1, 1, *size, dtype=torch.float64)
    network = trained(make(one, dims).double(), x)
    for module in network.modules():
        if isinstance(module, (nn.ReLU, nn.GELU)):
            module.forward = nn.functional.softplus  # type: ignore[assignment]
    x.requires_grad_(True)
    out = network(x)
    reach = 0
    for phase in range(stride):
        place: list[int | slice] = [slice(None)] * dims
        place[axis] = around + phase
        (gradient,) = torch.autograd.grad(
            out[(0, 0, *place)].sum(), x, retain_graph=True, materialize_grads=True
        )
        other = tuple(a for a in range(dims) if a != axis)
        lines = gradient[0, 0].abs().sum(other).nonzero().flatten() - border
        if len(lines):
            here = around + phase
            reach = max(reach, here - int(lines[0]), int(lines[-1]) - here)
    return reach
