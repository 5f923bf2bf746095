"""What is special to UNet--: little memory for skip connections."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from napari_unet.networks import unet_reduced_skip
from napari_unet.networks.blocks import trim
from napari_unet.networks.unet import UNet
from napari_unet.networks.unet_reduced_skip import UNetReducedSkip, aggregated_channels

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """``benchmarks/skip_memory.py``, which imports its neighbour ``common``."""
    spec = importlib.util.spec_from_file_location("skip_memory", BENCHMARKS / "skip_memory.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("common", None)
    return module


@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize(("depth", "size"), [(4, (512, 512)), (3, (256, 128)), (4, (64, 32, 64))])
def test_skips_hold_a_tenth_of_the_memory(
    benchmark: ModuleType, width: int, depth: int, size: tuple[int, ...]
) -> None:
    unet, reduced = benchmark.compare(width, depth, size)
    assert 0 < reduced <= unet / 15
    assert 1 - reduced / unet >= 0.90
    # Both are what one works out by hand: float32 maps of each level, and the aggregated one.
    pixels = torch.Size(size).numel()
    dims = len(size)
    assert unet == sum(4 * width * 2**k * pixels // 2 ** (dims * k) for k in range(depth))
    channels = aggregated_channels(width, depth, dims)
    assert reduced == 4 * channels * pixels // 2 ** (dims * (depth - 1))


def test_the_published_reduction_is_met_exactly(benchmark: ModuleType) -> None:
    unet, reduced = benchmark.compare(32, 4, (512, 512))
    assert round(100 * (1 - reduced / unet), 1) == 93.3
    assert aggregated_channels(32, 4, 2) == 8 * 32


def test_memory_is_freed_with_real_numbers_too(benchmark: ModuleType) -> None:
    """What is measured on the meta device is what Python holds on the CPU."""
    x = torch.randn(1, 1, 32, 32)
    held = benchmark.held_across_the_bottleneck
    shared = {"width": 16, "depth": 3, "norm": "batch"}
    assert held(UNet(1, 2, **shared, padding="same"), x) == 4 * 16 * 32 * 32 * 7 // 4
    assert held(UNetReducedSkip(1, 2, **shared), x) == 4 * 29 * 8 * 8


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_shuffling_is_undone(dims: int, factor: int) -> None:
    x = torch.randn(2, 3, *[factor * n for n in (2, 3, 1)[:dims]])
    packed = unet_reduced_skip._to_channels(x, factor)
    assert packed.shape == (2, 3 * factor**dims, *(2, 3, 1)[:dims])
    assert torch.equal(unet_reduced_skip._to_pixels(packed, factor), x)
    if dims == 2:
        assert torch.equal(packed, nn.functional.pixel_unshuffle(x, factor))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("strides", [1, 3])
def test_margin_is_cropping_without_the_work(depth: int, strides: int) -> None:
    torch.manual_seed(4)
    network = UNetReducedSkip(1, 2, width=4, depth=depth).double().eval()
    margin = strides * 2**depth
    x = torch.randn(1, 1, 2 * margin + 2**depth, 2 * margin + 2 * 2**depth, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x, margin), trim(network(x), margin))
