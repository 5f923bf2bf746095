"""Spans of dependence against what torch's layers do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.networks import reach
from napari_unet.networks.geometry import encoder_decoder_geometry

LAYERS = {
    "convolved": (nn.Conv1d(1, 1, 3, padding=1), lambda span: reach.convolved(span, 1)),
    "pooled": (nn.AvgPool1d(2), reach.pooled),
    "transposed": (nn.ConvTranspose1d(1, 1, 2, 2), lambda span: reach.transposed(span, 2, 2)),
    "transposed-3": (
        nn.ConvTranspose1d(1, 1, 3, 2, 1, output_padding=1),
        lambda span: reach.transposed(span, 3, 2, 1),
    ),
    "transposed-16": (
        nn.ConvTranspose1d(1, 1, 16, 8, 4),
        lambda span: reach.transposed(span, 16, 8, 4),
    ),
    "contracted": (
        nn.Sequential(
            nn.Conv1d(1, 1, 5, padding=2), nn.AvgPool1d(2), nn.Conv1d(1, 1, 3, padding=1)
        ),
        lambda span: reach.contracted(span, (2, 1)),
    ),
    "interpolated": (nn.Upsample(scale_factor=2, mode="linear"), reach.interpolated),
    "interpolated-8": (
        nn.Upsample(scale_factor=8, mode="linear"),
        lambda span: reach.interpolated(span, 8),
    ),
}


@pytest.mark.parametrize(("layer", "needs"), LAYERS.values(), ids=LAYERS.keys())
def test_spans_are_those_of_the_layers(
    layer: Callable[[Tensor], Tensor], needs: Callable[[reach.Span], reach.Span]
) -> None:
    x = torch.zeros(1, 1, 96, requires_grad=True)
    out = layer(x)
    for first, last in [(20, 20), (21, 21), (22, 27), (23, 26), (17, 30), (24, 31)]:
        (gradient,) = torch.autograd.grad(out[..., first : last + 1].sum(), x, retain_graph=True)
        touched = [int(i) for i in gradient[0, 0].nonzero()]
        assert (touched[0], touched[-1]) == needs((first, last))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_reach_of_a_unet(depth: int) -> None:
    """That of the formula: down and up again with 2x2 up-convolutions."""

    def needs(span: reach.Span) -> reach.Span:
        for _ in range(depth):
            span = reach.transposed(reach.convolved(span, 2), 2, 2)
        return reach.contracted(span, [2] * (depth + 1))

    expected = encoder_decoder_geometry(depth, 1, padded=True).reach[0]
    assert reach.reach(needs, 2**depth) == expected


def test_interpolation_is_the_one_that_does_not_align_corners() -> None:
    x = torch.arange(6.0).reshape(1, 1, 6)
    fine = functional.interpolate(x, scale_factor=2, mode="linear", align_corners=False)[0, 0]
    for pixel in range(1, 11):
        first, last = reach.interpolated((pixel, pixel))
        assert first < fine[pixel] < last
