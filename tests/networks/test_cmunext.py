"""CMUNeXt: its counts, large kernels, skip fusion, exact reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from open_paths import exact_reach
from torch import nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.cmunext import CMUNeXt, LargeKernelBlock

SMALL: dict[str, Any] = {
    "width": 8,
    "multiples": (1, 2, 4, 8, 16),
    "blocks": (1, 1, 1, 1, 1),
    "kernels": (3, 3, 7, 7, 9),
}
LARGE: dict[str, Any] = {
    "width": 32,
    "multiples": (1, 2, 4, 8, 16),
    "blocks": (1, 1, 1, 6, 3),
    "kernels": (3, 3, 7, 7, 7),
}


@pytest.mark.parametrize(
    ("arguments", "count"), [({}, 3_149_185), (SMALL, 417_505), (LARGE, 8_286_721)]
)
def test_it_has_the_parameters_of_the_authors_code(arguments: dict[str, Any], count: int) -> None:
    """As printed: 3.15, 0.42 and 8.29 million."""
    with torch.device("meta"):
        assert sum(p.numel() for p in CMUNeXt(3, 1, **arguments).parameters()) == count


def test_blocks_and_kernels_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = CMUNeXt(3, 1)
    blocks = [
        [m for m in level if isinstance(m, LargeKernelBlock)] for level in network.contracting
    ]
    assert [len(level) for level in blocks] == [1, 1, 1, 3, 1]
    assert [level[0].depthwise[0].kernel_size[0] for level in blocks] == [3, 3, 7, 7, 7]
    assert [level[-3].out_channels for level in network.contracting] == [16, 32, 128, 160, 256]


def test_fusion_looks_at_skip_and_upsampled_apart_at_first() -> None:
    network = CMUNeXt(1, 1, **registry.spec("cmunext").tiny)
    convolution = network.fusion[-1][0]
    x = torch.randn(1, 4, 4, 4)
    other = x.clone()
    other[:, :2] += 1  # the skip connection
    difference = (convolution(x) - convolution(other)).detach().abs().amax((0, 2, 3))
    assert (difference > 0).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("blocks", "kernels"), [((1, 1, 1), (3, 5, 3)), ((0, 2, 1), (1, 3, 7)), ((2, 1, 0), (5, 1, 3))]
)
def test_its_reach_is_exact(blocks: tuple[int, ...], kernels: tuple[int, ...]) -> None:
    arguments = {"width": 1, "multiples": (1, 1, 1), "blocks": blocks, "kernels": kernels}
    sizes = registry.geometry("cmunext", arguments)
    assert exact_reach(CMUNeXt(1, 1, **arguments), 4, sizes.halo[0] + 8) == sizes.reach[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blocks": (1, 1)}, "one number for each level"),
        ({"kernels": (3, 3, 7, 7, 8)}, "odd"),
        ({"multiples": (2, 2, 8, 10, 16)}, "the first of multiples is 1"),
    ],
)
def test_levels_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.check_arguments("cmunext", arguments)


def test_a_block_without_weights_only_adds() -> None:
    block = LargeKernelBlock(3, 5, dims=2).eval()
    nn.init.zeros_(block.depthwise[0].weight)
    nn.init.zeros_(block.depthwise[0].bias)
    x = torch.randn(1, 3, 6, 6)
    torch.testing.assert_close(block(x), block.mix(x))
