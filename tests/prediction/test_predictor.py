"""Tiles are exact, and what else a predictor promises."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from napari_unet.errors import UserError
from napari_unet.networks import registry
from napari_unet.networks.geometry import Geometry
from napari_unet.prediction.predictor import Predictor
from napari_unet.prediction.tile_sizes import default_tile

CPU = torch.device("cpu")
NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("unet", {"padding": "valid"}),
    ("unet", {"padding": "valid", "norm": "batch"}),
    ("unet", {"padding": "same"}),
    ("unet", {"padding": "same", "norm": "batch"}),
    ("lunet", {}),
    ("unet", {"padding": "same", "released": True}),
    ("aid_unet", {}),
    ("unet_reduced_skip", {}),
]


def make(
    name: str, arguments: dict[str, Any], dims: int = 2, channels: int = 1, seed: int = 0
) -> tuple[nn.Module, Geometry]:
    """A network whose normalisations have statistics like those of a trained one."""
    torch.manual_seed(seed)
    network = registry.build(
        name, dims=dims, in_channels=channels, out_channels=3, arguments=arguments
    )
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return network, registry.geometry(name, arguments, dims)


def predictor(name: str, arguments: dict[str, Any], **keywords: Any) -> Predictor:
    network, geometry = make(name, arguments, **keywords)
    return Predictor(network, geometry, device=CPU)


def image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def mirrored(plane: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Slow reference: mirrored by the halo, and at the far sides up to a size that fits."""
    for axis, n in enumerate(plane.shape[1:]):
        halo, size = geometry.halo[axis], geometry.output_size(plane.shape[1:])[axis]
        wanted = [_bounce(i, n) for i in range(-halo, size + halo)]
        plane = plane.take(wanted, axis=axis + 1)
    return plane


def _bounce(i: int, n: int) -> int:
    while n > 1 and not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
    return i if n > 1 else 0


def untiled(network: nn.Module, geometry: Geometry, plane: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(mirrored(plane, geometry))[None])
    probability = logits.softmax(1)[0].numpy()
    start = [h - b for h, b in zip(geometry.halo, geometry.border, strict=True)]
    crop = [slice(s, s + n) for s, n in zip(start, plane.shape[1:], strict=True)]
    return probability[(slice(None), *crop)]


@settings(deadline=None, max_examples=60)
@given(
    which=st.sampled_from(NETWORKS),
    depth=st.integers(1, 3),
    width=st.integers(1, 4),
    channels=st.integers(1, 2),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    tile=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    seed=st.integers(0, 2**16),
)
def test_tiled_equals_untiled(which, depth, width, channels, size, tile, seed) -> None:
    name, arguments = which
    arguments = {**arguments, "depth": depth, "width": width}
    network, geometry = make(name, arguments, channels=channels, seed=seed)
    plane = image(channels, *size, seed=seed)
    expected = untiled(network, geometry, plane)
    # Drawn weights may make logits of a thousand, of which float32 rounds off more than usual.
    exact = untiled(copy.deepcopy(network).double(), geometry, plane.astype(np.float64))
    rounded = float(np.abs(expected - exact).max())
    tile = tuple(max(t, n // 5) for t, n in zip(tile, size, strict=True))  # not too many
    tiled = Predictor(network, geometry, device=CPU).probability(plane, tile=tile)
    assert tiled.dtype == np.float32
    assert tiled.shape == (3, *size)
    np.testing.assert_allclose(tiled, exact, atol=max(1e-4, 4 * rounded), rtol=0)


@settings(deadline=None, max_examples=20)
@given(
    which=st.sampled_from(NETWORKS),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    tile=st.integers(6, 40),
    corner=st.tuples(st.integers(0, 49), st.integers(0, 49)),
    rotations=st.booleans(),
)
def test_boxes_and_rotations_are_exact_too(which, size, tile, corner, rotations) -> None:
    name, arguments = which
    one = predictor(name, {**arguments, "depth": 2, "width": 2})
    plane = image(1, *size)
    whole = one.probability(plane, tile=size, rotations=rotations)
    box = tuple((min(c, n - 1), n) for c, n in zip(corner, size, strict=True))
    part = one.probability(plane, tile=tile, box=box, rotations=rotations)
    np.testing.assert_allclose(
        part, whole[(slice(None), *(slice(*span) for span in box))], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_tiled_equals_untiled_in_3d(name: str, arguments: dict[str, Any]) -> None:
    network, geometry = make(name, {**arguments, "depth": 1, "width": 2}, dims=3)
    plane = image(1, 9, 13, 7)
    expected = untiled(network, geometry, plane)
    tiled = Predictor(network, geometry, device=CPU).probability(plane, tile=(4, 6, 5))
    np.testing.assert_allclose(tiled, expected, atol=1e-4, rtol=0)


def test_tiles_cover_the_image_once_and_read_inside_it() -> None:
    one = predictor("unet", {"depth": 1, "width": 2, "padding": "same"})
    plane = image(1, 37, 50)
    asked: list[Any] = []

    def read(box: Any) -> np.ndarray:
        asked.append(box)
        return plane[:, slice(*box[0]), slice(*box[1])]

    count = np.zeros((37, 50), int)
    whole = one.probability(plane)
    for tile, probability in one.tiles(read, (37, 50), tile=16):
        place = tuple(slice(*span) for span in tile.output)
        count[place] += 1
        np.testing.assert_allclose(probability, whole[(slice(None), *place)], atol=1e-4)
    assert (count == 1).all()
    assert len(asked) == len(one.plan((37, 50), 16)) > 4
    assert all(0 <= a < b <= n for box in asked for (a, b), n in zip(box, (37, 50), strict=True))
    assert max(b - a for box in asked for a, b in box) < 37  # and not the whole image each time


def test_probability_is_one_in_sum_and_dropout_is_off() -> None:
    one = predictor("unet", {"depth": 1, "width": 4, "dropout": 0.9})
    first, second = one.probability(image(1, 20, 20)), one.probability(image(1, 20, 20))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first.sum(0), 1, rtol=1e-5)
    assert not one.network.training


def test_tile_probability_is_the_networks_own_output() -> None:
    network, geometry = make("unet", {"depth": 1, "width": 2})
    one = Predictor(network, geometry, device=CPU)
    size = geometry.input_size(geometry.output_size((10, 12)))
    probability = one.tile_probability(image(1, *size))
    assert probability.shape == (3, *geometry.output_size((10, 12)))
    with pytest.raises(UserError, match="cannot take an input of 21 x 20"):
        one.tile_probability(image(1, 21, 20))


def test_rotations_average_the_eight_views() -> None:
    one = predictor("unet", {"depth": 2, "width": 3, "padding": "same"})
    plane = image(1, 24, 32)
    views = []
    for flip in (False, True):
        for turns in range(4):
            seen = np.rot90(plane[..., ::-1] if flip else plane, turns, (1, 2)).copy()
            back = np.rot90(one.probability(seen), -turns, (1, 2))
            views.append(back[..., ::-1] if flip else back)
    averaged = one.probability(plane, rotations=True)
    np.testing.assert_allclose(averaged, np.mean(views, 0), atol=1e-5)
    assert np.abs(averaged - views[0]).max() > 1e-3


def test_no_quarter_turns_where_y_and_x_are_pooled_differently() -> None:
    arguments = {"depth": 2, "width": 3, "padding": "same", "pooling": ((1, 2), (2, 2))}
    one = predictor("unet", arguments)
    plane = image(1, 40, 76)
    views = [
        one.probability(plane[:, ::a, ::b].copy())[:, ::a, ::b] for a in (1, -1) for b in (1, -1)
    ]
    averaged = one.probability(plane, tile=16, rotations=True)
    np.testing.assert_allclose(averaged, np.mean(views, 0), atol=1e-5)


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_half_precision_is_close(name: str, arguments: dict[str, Any]) -> None:
    network, geometry = make(name, {**arguments, "depth": 2, "width": 4})
    plane = image(1, 40, 40)
    exact = Predictor(network, geometry, device=CPU).probability(plane)
    fast = Predictor(network, geometry, device=CPU, precision="bf16").probability(plane)
    assert fast.dtype == np.float32
    assert np.abs(fast - exact).mean() < 0.02
    assert np.abs(fast - exact).max() > 0


class Forgetful(nn.Module):
    """Runs out of memory where the input is larger than it can bear."""

    def __init__(self, network: nn.Module, most: int, error: Exception) -> None:
        super().__init__()
        self.network, self.most, self.error = network, most, error

    def forward(self, x: Tensor) -> Tensor:
        if max(x.shape[2:]) > self.most:
            raise self.error
        return self.network(x)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_out_of_memory_halves_the_tile(error: Exception, padding: str) -> None:
    network, geometry = make("unet", {"depth": 1, "width": 2, "padding": padding})
    plane = image(1, 60, 61)
    expected = untiled(network, geometry, plane)
    most = 20 + 2 * geometry.halo[0]
    one = Predictor(Forgetful(network, most, error), geometry, device=CPU)
    plan = one.plan((60, 61), 40)
    parts = list(one.tiles(lambda box: plane[:, slice(*box[0]), slice(*box[1])], (60, 61), 40))
    assert [tile for tile, _ in parts] == plan
    for tile, probability in parts:
        place = tuple(slice(*span) for span in tile.output)
        np.testing.assert_allclose(probability, expected[(slice(None), *place)], atol=1e-4)
    assert one.notes == ["Memory ran out: the prediction goes on with tiles of 16 pixels."]


@pytest.mark.parametrize("shape", [(27, 60), (60, 27)])
def test_out_of_memory_leaves_a_side_whole_that_costs_no_more(shape: tuple[int, int]) -> None:
    """Half of 60 is 24 with a stride of 8, for which a valid network makes 28: 27 is not cut."""
    network, geometry = make("unet", {"depth": 3, "width": 2, "padding": "valid"})
    assert geometry.output_size((24, 24)) == (28, 28)
    plane = image(1, *shape)
    most = 28 + 2 * geometry.halo[0]
    one = Predictor(Forgetful(network, most, MemoryError()), geometry, device=CPU)
    np.testing.assert_allclose(one.probability(plane), untiled(network, geometry, plane), atol=1e-4)
    assert one.notes == ["Memory ran out: the prediction goes on with tiles of 24 pixels."]


@pytest.mark.parametrize(
    ("padding", "depth", "least"), [("same", 1, 2), ("valid", 1, 2), ("valid", 3, 12)]
)
def test_no_memory_at_all_is_said_so(padding: str, depth: int, least: int) -> None:
    network, geometry = make("unet", {"depth": depth, "width": 2, "padding": padding})
    one = Predictor(Forgetful(network, 1, MemoryError()), geometry, device=CPU)
    with pytest.raises(UserError, match=f"on cpu to predict even a tile of {least} pixels"):
        one.probability(image(1, 9, least))
    with pytest.raises(UserError, match="not enough memory on cpu to predict even a tile of"):
        one.probability(image(1, 50, 70))


def test_other_errors_are_not_hidden() -> None:
    network, geometry = make("unet", {"depth": 1, "width": 2, "padding": "same"})
    one = Predictor(Forgetful(network, 1, RuntimeError("broken")), geometry, device=CPU)
    with pytest.raises(RuntimeError, match="broken"):
        one.probability(image(1, 9, 9))


def test_tile_must_be_positive() -> None:
    one = predictor("unet", {"depth": 1, "width": 2})
    with pytest.raises(UserError, match="positive"):
        one.probability(image(1, 9, 9), tile=0)


@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((512, 512), (512, 512)),
        ((520, 696), (520, 696)),
        ((1024, 100), (512, 100)),
        ((5000, 800), (500, 400)),
        ((1, 1), (1, 1)),
        ((35, 51, 128), (35, 51, 64)),
    ],
)
def test_default_tile(shape: tuple[int, ...], tile: tuple[int, ...]) -> None:
    assert default_tile(shape, CPU) == tile


@pytest.mark.parametrize(("width", "side"), [(16, 1008), (32, 768), (64, 512)])
def test_a_large_plane_is_cut_into_larger_tiles_as_far_as_memory_goes(
    width: int, side: int
) -> None:
    one = predictor("unet", {"depth": 4, "width": width, "padding": "same"})
    (a, b), _ = one.plan((20_000, 20_000))[0].output
    assert abs(b - a - side) <= 16
    assert len(one.plan((4000, 4000))) == 64


def test_a_box_that_fits_is_predicted_in_one_piece() -> None:
    one = predictor("unet", {"depth": 1, "width": 2})
    assert len(one.plan((5000, 5000), box=((400, 1000), (700, 1300)))) == 1
    assert len(one.plan((5000, 5000), box=((0, 2000), (0, 1000)))) > 1
