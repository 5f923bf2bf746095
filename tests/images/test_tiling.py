from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate

from napari_unet.errors import UserError
from napari_unet.images.tiling import mirror_indices, plan_tiles, read_mirrored
from napari_unet.networks.geometry import Geometry

VALID_2015 = Geometry(stride=(16, 16), reach=(93, 93), border=(92, 92), base=(4, 4))


@dataclass
class TinyUNet:
    """A U-Net of one channel in numpy, made to be sensitive to every pixel of its reach.

    Valid or zero-padded convolutions of size 3 with random kernels, ReLU, 2x max pooling, nearest
    up-sampling, sum with the centre crop of the contracting path.
    """

    dims: int
    depth: int
    padded: bool

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.depth)
        n = 2 * self.depth + 1
        self.kernels = [rng.normal(0.2, 1, (3,) * self.dims) / 3**self.dims for _ in range(n)]

    @property
    def geometry(self) -> Geometry:
        # One-sided reach and border: by a convolution on level l 2^l, by a pooling at most 2^l.
        levels = [min(i, 2 * self.depth - i) for i in range(2 * self.depth + 1)]
        shrink = sum(2**level for level in levels)
        reach = shrink + sum(2**level for level in range(self.depth))
        stride = 2**self.depth
        if self.padded:
            sizes = (stride, reach, 0, stride)
        else:
            sizes = (stride, reach, shrink, self.smallest_output())
        return Geometry(*((s,) * self.dims for s in sizes))

    def smallest_output(self) -> int:
        for bottom in range(1, 99):
            size = bottom - 2
            for _ in range(self.depth):
                size = size * 2 - 2
            if bottom > 2 and size > 0:
                return size
        raise AssertionError

    def convolve(self, x: np.ndarray, i: int) -> np.ndarray:
        y = correlate(x, self.kernels[i], mode="constant")
        if not self.padded:
            y = y[(slice(1, -1),) * self.dims]
        return np.maximum(y + 0.1, 0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        skips = []
        for level in range(self.depth):
            x = self.convolve(x, level)
            skips.append(x)
            assert all(n % 2 == 0 for n in x.shape), "odd size before a pooling"
            pairs = x.reshape([m for n in x.shape for m in (n // 2, 2)])
            x = pairs.max(axis=tuple(range(1, 2 * self.dims, 2)))
        x = self.convolve(x, self.depth)
        for level in range(self.depth):
            for axis in range(self.dims):
                x = x.repeat(2, axis)
            skip = skips.pop()
            cut = tuple(
                slice((s - n) // 2, (s - n) // 2 + n)
                for s, n in zip(skip.shape, x.shape, strict=True)
            )
            x = self.convolve(x + skip[cut], self.depth + 1 + level)
        return x


def predict(
    network: TinyUNet, image: np.ndarray, tile: int | tuple[int, ...], box=None
) -> tuple[np.ndarray, np.ndarray]:
    """Tiled prediction, and how often each pixel was written."""
    result, count = np.full(image.shape, np.nan), np.zeros(image.shape, int)
    for t in plan_tiles(image.shape, network.geometry, tile, box):
        x = read_mirrored(lambda b: image[tuple(slice(*s) for s in b)][None], t.input, image.shape)
        y = network(x[0])
        where = tuple(slice(*s) for s in t.output)
        piece = y[tuple(slice(*s) for s in t.crop)]
        assert piece.shape == tuple(b - a for a, b in t.output)
        result[where] = piece
        count[where] += 1
    return result, count


@st.composite
def cases(draw: st.DrawFn):
    dims = draw(st.sampled_from((2, 2, 3)))
    network = TinyUNet(dims, draw(st.integers(0, 3 if dims == 2 else 1)), draw(st.booleans()))
    largest = 70 if dims == 2 else 14
    shape = tuple(draw(st.integers(1, largest)) for _ in range(dims))
    tile = tuple(draw(st.integers(1, largest)) for _ in range(dims))
    box = tuple(sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2))) for n in shape)
    return network, shape, tile, tuple((a, b) for a, b in box)


@settings(deadline=None, max_examples=80)
@given(cases())
def test_tiled_equals_untiled(case) -> None:
    network, shape, tile, box = case
    image = np.random.default_rng(1).normal(size=shape)
    whole, once = predict(network, image, shape)
    assert (once == 1).all()
    tiled, count = predict(network, image, tile)
    assert (count == 1).all()
    np.testing.assert_allclose(tiled, whole, atol=1e-9)
    # A box: its pixels exactly once, nothing else, the same values.
    for size in (tile, shape):
        part, count = predict(network, image, size, box)
        inside = np.zeros(shape, int)
        inside[tuple(slice(a, b) for a, b in box)] = 1
        np.testing.assert_array_equal(count, inside)
        np.testing.assert_allclose(part[inside == 1], whole[inside == 1], atol=1e-9)


def test_the_tiny_network_needs_its_halo() -> None:
    """The property above proves something: with a smaller halo the tiles differ."""
    network = TinyUNet(2, 2, True)
    g = network.geometry
    image = np.random.default_rng(1).normal(size=(40, 40))
    whole, _ = predict(network, image, 40)
    small = Geometry(g.stride, (g.stride[0],) * 2, g.border, g.base)
    network.__class__ = type("Narrow", (TinyUNet,), {"geometry": small})
    tiled, _ = predict(network, image, 16)
    assert np.abs(tiled - whole).max() > 1e-6


def test_u_net_2015() -> None:
    (tile,) = plan_tiles((388, 388), VALID_2015, 388)
    assert tile.input == ((-92, 480), (-92, 480))  # 572 in, 388 out
    assert tile.output == tile.crop == ((0, 388), (0, 388))
    tiles = plan_tiles((512, 512), VALID_2015, 388)
    assert [t.output for t in tiles] == [
        ((0, 256), (0, 256)),
        ((0, 256), (256, 512)),
        ((256, 512), (0, 256)),
        ((256, 512), (256, 512)),
    ]
    assert tiles[3].input == ((164, 164 + 260 + 184),) * 2


def test_padded_network() -> None:
    geometry = Geometry(stride=(16, 8), reach=(20, 7), border=(0, 0), base=(16, 8))
    (tile,) = plan_tiles((50, 50), geometry, 64)
    assert tile.input == ((-32, 96), (-8, 64))
    assert tile.crop == ((32, 82), (8, 58))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 700), st.integers(1, 400), st.integers(0, 5), st.integers(1, 40))
def test_no_tile_is_larger_than_wished(size: int, tile: int, depth: int, base: int) -> None:
    stride = 2**depth
    geometry = Geometry((stride,), (3,), (3,), (base,))
    (allowed,) = geometry.output_size((max(tile, stride),))
    for t in plan_tiles((size,), geometry, tile):
        ((start, stop),) = t.input
        ((out_start, _),) = t.output
        assert stop - start - 6 <= allowed
        assert out_start % stride == 0
        assert (stop - start - 6 - base) % stride == 0


def test_numbers_are_those_of_the_whole_plan() -> None:
    geometry = Geometry((4, 4), (4, 4), (0, 0), (4, 4))
    plan = plan_tiles((32, 32), geometry, 16)
    part = plan_tiles((32, 32), geometry, 16, ((20, 25), (14, 20)))
    assert [t.number for t in plan] == [0, 1, 2, 3]
    assert [(t.number, t.output) for t in part] == [
        (2, ((20, 25), (14, 16))),
        (3, ((20, 25), (16, 20))),
    ]
    assert plan_tiles((32, 32), geometry, 16, ((5, 5), (0, 9))) == []


@pytest.mark.parametrize("tile", [0, -4, (16, 0)])
def test_refuses_a_tile_without_pixels(tile: int | tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="positive number of pixels"):
        plan_tiles((32, 32), VALID_2015, tile)


@given(st.integers(1, 9), st.integers(-40, 40), st.integers(1, 30))
def test_mirror_is_numpys_reflection(size: int, start: int, length: int) -> None:
    padded = np.pad(np.arange(size), 80, mode="reflect")
    expected = padded[80 + start : 80 + start + length]
    np.testing.assert_array_equal(mirror_indices(start, start + length, size), expected)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_read_mirrored(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    box = tuple(
        (a, a + n)
        for a, n in data.draw(st.tuples(*[st.tuples(st.integers(-20, 20), st.integers(1, 20))] * 2))
    )
    image = np.arange(2 * shape[0] * shape[1]).reshape(2, *shape)
    padded = np.pad(image, ((0, 0), (50, 50), (50, 50)), mode="reflect")
    asked = []

    def read(inner: tuple[tuple[int, int], ...]) -> np.ndarray:
        asked.append(inner)
        return image[(slice(None), *(slice(a, b) for a, b in inner))]

    cut = tuple(slice(50 + a, 50 + b) for a, b in box)
    np.testing.assert_array_equal(read_mirrored(read, box, shape), padded[(slice(None), *cut)])
    (inner,) = asked
    assert all(0 <= a < b <= n for (a, b), n in zip(inner, shape, strict=True))
    if all(a >= 0 and b <= n for (a, b), n in zip(box, shape, strict=True)):
        assert inner == box


def test_only_the_pixels_needed_are_read() -> None:
    asked = []

    def read(inner: tuple[tuple[int, int], ...]) -> np.ndarray:
        asked.append(inner)
        return np.zeros((1, *(b - a for a, b in inner)))

    read_mirrored(read, ((-5, 3), (95, 110)), (100, 100))
    assert asked == [((0, 6), (89, 100))]
