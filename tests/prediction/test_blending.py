"""Networks that are not tile-exact: the same windows whatever is asked for, and no seams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.images.tiling import Box, read_mirrored
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.blending import USUAL_WINDOW, Windows, hann, window_side
from napari_unet.prediction.predictor import Predictor

CPU = torch.device("cpu")


class Tiny(nn.Module):
    """Group norm over all that it is given, so that the result depends on the window."""

    def __init__(self, dims: int = 2, border: int = 0) -> None:
        super().__init__()
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        self.first = convolution(1, 4, 3, padding=1 - border)
        self.norm = nn.GroupNorm(2, 4)
        self.head = convolution(4, 3, 1)
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(tuple(x.shape[2:]))
        return self.head(self.norm(self.first(x)).relu() * 3)


class Same(nn.Module):
    """Logits whose softmax is the input and its complement."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.log(), (1 - x).log()], 1)


def geometry(
    dims: int = 2, window: int | tuple[int, ...] | None = 16, stride: int = 4, border: int = 0
) -> Geometry:
    if isinstance(window, int):
        window = (window,) * dims
    return Geometry(
        stride=(stride,) * dims,
        reach=(10**6,) * dims,
        border=(border,) * dims,
        base=(stride,) * dims,
        tile_exact=False,
        window=window,
    )


def predictor(dims: int = 2, **keywords: Any) -> Predictor:
    torch.manual_seed(0)
    sizes = geometry(dims, **keywords)
    return Predictor(Tiny(dims, sizes.border[0]), sizes, device=CPU)


def image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def reader(plane: np.ndarray, asked: list[Box]) -> Any:
    def read(box: Box) -> np.ndarray:
        assert all(0 <= a < b <= n for (a, b), n in zip(box, plane.shape[1:], strict=True))
        asked.append(box)
        return plane[(slice(None), *(slice(*span) for span in box))]

    return read


def by_hand(one: Predictor, plane: np.ndarray, side: int) -> np.ndarray:
    """Slow reference: every window on the grid, weighted and divided by the sum of weights."""
    shape = plane.shape[1:]
    half, total, weight = side // 2, 0.0, np.zeros(shape)
    counts = [max(1, -(-n // half) - 1) for n in shape]
    for position in np.ndindex(*counts):
        box = tuple((p * half, p * half + side) for p in position)
        pixels = read_mirrored(lambda b: plane[(slice(None), *(slice(*s) for s in b))], box, shape)
        probability = one.tile_probability(pixels)
        w = np.ones((side,) * len(shape))
        for axis, (p, count) in enumerate(zip(position, counts, strict=True)):
            line = 1 - np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)
            if p == 0:
                line[:half] = 1
            if p == count - 1:
                line[half:] = 1
            # Between the rims the two windows' lines add up to 2, at the rims there is one.
            line[half if p == 0 else 0 : half if p == count - 1 else side] /= 2
            w *= line.reshape(-1, *(1,) * (len(shape) - axis - 1))
        place = tuple(slice(a, min(b, n)) for (a, b), n in zip(box, shape, strict=True))
        inner = tuple(slice(s.stop - s.start) for s in place)
        contribution = np.zeros((3, *shape))
        contribution[(slice(None), *place)] = (probability * w)[(slice(None), *inner)]
        weight[place] += w[inner]
        total = total + contribution
    np.testing.assert_allclose(weight, 1, atol=1e-12)
    return np.asarray(total)


@pytest.mark.parametrize("size", [(5, 16), (17, 40), (33, 24)])
def test_it_is_the_weighted_mean_of_the_windows(size: tuple[int, int]) -> None:
    one, plane = predictor(), image(1, *size)
    whole = one.probability(plane)
    np.testing.assert_allclose(whole, by_hand(one, plane, 16), atol=1e-6)
    np.testing.assert_allclose(whole.sum(0), 1, atol=1e-5)


def test_it_is_the_weighted_mean_of_the_windows_in_3d() -> None:
    one, plane = predictor(3, window=8, stride=2), image(1, 5, 14, 21)
    np.testing.assert_allclose(one.probability(plane), by_hand(one, plane, 8), atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(
    dims=st.sampled_from([2, 3]),
    sizes=st.tuples(*[st.integers(1, 30)] * 3),
    corner=st.tuples(*[st.integers(0, 29)] * 3),
    extent=st.tuples(*[st.integers(1, 30)] * 3),
    tile=st.integers(1, 40) | st.none(),
    rotations=st.booleans(),
)
def test_a_box_equals_the_crop_of_the_whole(dims, sizes, corner, extent, tile, rotations) -> None:
    one = predictor(dims, window=8, stride=2)
    shape = sizes[:dims]
    plane = image(1, *shape)
    box = tuple(
        (min(c, n - 1), min(n, min(c, n - 1) + e))
        for c, e, n in zip(corner, extent, shape, strict=False)
    )
    whole = one.probability(plane, rotations=rotations)
    part = one.probability(plane, tile=tile, box=box, rotations=rotations)
    np.testing.assert_array_equal(part, whole[(slice(None), *(slice(*span) for span in box))])
    asked: list[Box] = []
    if not rotations:
        np.testing.assert_array_equal(one.region(reader(plane, asked), shape, box), part)


@pytest.mark.parametrize("shape", [(37, 61), (61, 37), (16, 50), (3, 3), (9, 21, 13)])
def test_cells_are_disjoint_in_the_plans_order_and_each_window_is_read_once(
    shape: tuple[int, ...],
) -> None:
    one = predictor(len(shape), window=8, stride=4)
    plane = image(1, *shape)
    whole = one.probability(plane)
    box = tuple((min(2, n - 1), n) for n in shape)
    for wanted in (None, box):
        asked: list[Box] = []
        count = np.zeros(shape, int)
        parts = list(one.tiles(reader(plane, asked), shape, box=wanted))
        assert [tile for tile, _ in parts] == one.plan(shape, box=wanted)
        for tile, probability in parts:
            place = tuple(slice(*span) for span in tile.output)
            count[place] += 1
            np.testing.assert_array_equal(probability, whole[(slice(None), *place)])
            sides = [b - a for a, b in tile.output]
            assert [b - a for a, b in tile.crop] == sides
            assert [i + a for (i, _), (a, _) in zip(tile.input, tile.crop, strict=True)] == [
                a for a, _ in tile.output
            ]
        inside = np.zeros(shape, int)
        inside[tuple(slice(*span) for span in wanted or ((0, n) for n in shape))] = 1
        np.testing.assert_array_equal(count, inside)
        assert len(set(asked)) == len(asked)
    numbers = [tile.number for tile in one.plan(shape)]
    assert sorted(numbers) == list(range(len(numbers)))
    in_c_order = sorted(one.plan(shape), key=lambda tile: [a for a, _ in tile.output])
    assert [tile.number for tile in in_c_order] == list(range(len(numbers)))


def test_it_reads_late_and_keeps_one_row() -> None:
    """The first cell needs one window; of 100 cells a row along the short axis waits at a time."""
    one, plane = predictor(window=8), image(1, 200, 24)
    asked: list[Box] = []
    parts = one.tiles(reader(plane, asked), (200, 24))
    next(parts)
    assert len(asked) == 1
    for number, (tile, _) in enumerate(parts, 2):
        row = tile.output[0][0] // 4
        assert len(asked) <= 5 * (row + 1), number
    assert len(asked) == 5 * 49


@pytest.mark.parametrize("shape", [(50, 61), (13, 22, 9)])
def test_no_seams(shape: tuple[int, ...]) -> None:
    """A network that returns its input gives back the image."""
    one = Predictor(Same(), geometry(len(shape), window=8), device=CPU)
    plane = np.random.default_rng(0).uniform(0.01, 0.99, (1, *shape)).astype(np.float32)
    np.testing.assert_allclose(one.probability(plane)[:1], plane, atol=1e-6)


class Means(nn.Module):
    """The mean of its window everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        mean = torch.zeros_like(x) + x.mean((2, 3), keepdim=True)
        return torch.cat([mean, -mean], 1)


def test_the_result_is_smooth_where_windows_disagree() -> None:
    plane = np.repeat(np.linspace(-3, 3, 64, dtype=np.float32)[None, None], 40, 1)
    one = Predictor(Means(), geometry(window=16), device=CPU)
    foreground = one.probability(plane)[0]
    steps = np.abs(np.diff(foreground, axis=1))
    total = foreground.max() - foreground.min()
    assert total > 0.9
    assert steps.max() < 2 * np.pi / 16 * total / 4


def test_valid_networks_get_their_border() -> None:
    one, plane = predictor(border=1), image(1, 30, 41)
    np.testing.assert_array_equal(
        one.probability(plane, box=((3, 9), (20, 41))), one.probability(plane)[:, 3:9, 20:41]
    )
    assert set(one.network.sizes) == {(18, 18)}
    first = one.plan((30, 41))[0]
    assert first.input == ((-1, 17), (-1, 17))
    assert first.crop == ((0, 8), (0, 8))


@pytest.mark.parametrize(
    ("shape", "window", "stride", "side"),
    [
        ((1, 600), None, 16, (32, 608)),  # two strides at least; 600 in one piece
        ((1000, 2000), None, 16, (512, 512)),
        ((1000, 2000), 224, 16, (224, 224)),
        ((10, 10), 224, 16, (224, 224)),
        ((10, 10), 21, 7, (28, 28)),  # half of it must be whole pixels
        ((20, 300, 96), None, 8, (24, 64, 48)),
    ],
)
def test_side_of_the_window(
    shape: tuple[int, ...], window: int | None, stride: int, side: tuple[int, ...]
) -> None:
    assert window_side(shape, geometry(len(shape), window, stride)) == side


def test_an_image_smaller_than_a_window_takes_one() -> None:
    one = predictor(window=32)
    asked: list[Box] = []
    (only,) = one.tiles(reader(image(1, 20, 31), asked), (20, 31))
    assert only[0].output == ((0, 20), (0, 31))
    assert only[0].input == ((0, 32), (0, 32))
    assert asked == [((0, 20), (0, 31))]


def test_weights_sum_to_one() -> None:
    for side in (2, 8, 34, USUAL_WINDOW[2]):
        weights = hann(side)
        np.testing.assert_allclose(weights[: side // 2] + weights[side // 2 :], 1, atol=1e-6)


def test_nothing_of_an_empty_box() -> None:
    windows = Windows((30, 30), geometry())
    assert windows.cells(((4, 4), (0, 9))) == []
    assert list(windows.blend(((4, 4), (0, 9)), lambda box: image(1, 16, 16))) == []


def test_tile_must_be_positive() -> None:
    for call in (predictor().plan, lambda *a: list(predictor().tiles(lambda box: box, *a))):
        with pytest.raises(UserError, match="positive"):
            call((9, 9), 0)


def test_memory_that_does_not_do_for_a_window_is_said_so() -> None:
    class Full(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise MemoryError

    one = Predictor(Full(), geometry(), device=CPU)
    with pytest.raises(UserError, match="on cpu to predict a window of 16 x 16 pixels"):
        one.probability(image(1, 9, 9))


def test_other_errors_are_not_hidden() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("broken")

    one = Predictor(Broken(), geometry(), device=CPU)
    with pytest.raises(RuntimeError, match="broken"):
        one.probability(image(1, 9, 9))
