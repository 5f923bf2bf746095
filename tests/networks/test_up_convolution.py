"""Transposed convolutions with a gradient of the bias of their own, against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from napari_unet.networks.up_convolution import UP_CONVOLUTION

TORCHS = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
KINDS: list[dict[str, Any]] = [
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    {"kernel_size": 4, "stride": 2, "padding": 1, "groups": 2},
    {"kernel_size": 2, "stride": 2, "bias": False},
]


def pair(dims: int, **kind: Any) -> tuple[nn.Module, nn.Module]:
    ours, theirs = UP_CONVOLUTION[dims](4, 6, **kind), TORCHS[dims](4, 6, **kind)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(layer: nn.Module, x: torch.Tensor, weights: torch.Tensor) -> list[torch.Tensor]:
    y = layer(x)
    return [y, *torch.autograd.grad((y * weights).sum(), [x, *layer.parameters()])]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_results_and_gradients_are_those_of_torch(
    dims: int, kind: dict[str, Any], training: bool
) -> None:
    ours, theirs = (layer.double().train(training) for layer in pair(dims, **kind))
    x = torch.randn(2, 4, *(5, 6, 3)[:dims], dtype=torch.float64, requires_grad=True)
    weights = torch.randn_like(theirs(x))
    found, expected = gradients(ours, x, weights), gradients(theirs, x, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dims", [2, 3])
def test_in_bf16_they_differ_by_rounding_alone(dims: int) -> None:
    ours, theirs = pair(dims, kernel_size=2, stride=2)
    x = torch.randn(2, 4, *(16,) * dims, requires_grad=True)
    weights = torch.randn_like(theirs(x))
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = gradients(ours, x, weights), gradients(theirs, x, weights)
    assert [one.dtype for one in found] == [other.dtype for other in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(
            one, other, rtol=2e-2, atol=2e-2 * float(other.detach().abs().max())
        )


def test_onednn_is_told_of_a_bias_that_does_not_learn() -> None:
    layer, _ = pair(2, kernel_size=2, stride=2)
    y = layer(torch.randn(1, 4, 4, 4))
    (convolution, _), (bias, _) = y.grad_fn.next_functions
    assert [before for before, _ in convolution.next_functions][2] is None
    assert bias.variable is layer.bias


def test_a_size_that_is_asked_for_is_made() -> None:
    layer, _ = pair(2, kernel_size=3, stride=2)
    x = torch.randn(1, 4, 4, 4)
    assert layer(x, [10, 10]).shape == (1, 6, 10, 10)


def test_whoever_only_predicts_gets_torchs_own() -> None:
    layer, _ = pair(2, kernel_size=2, stride=2)
    y = layer.eval()(torch.randn(1, 4, 4, 4))
    assert "_BiasAdded" not in type(y.grad_fn).__name__
