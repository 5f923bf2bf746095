"""Deformation against a slow bicubic, and labels that are moved, not blended."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.training.elastic import (
    INTERPOLATION,
    blurred,
    displacement,
    reach,
    sample,
    sampling_grid,
    vary_greys,
)
from napari_unet.training.presets import preset

STILL = {
    "elastic_sd": 0.0,
    "rotation": "none",
    "mirror": False,
    "scale": 0.0,
    "contrast": 0.0,
    "brightness": 0.0,
    "gamma": 0.0,
    "shading": 0.0,
    "sharpness": 0.0,
    "noise": 0.0,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def keys(t: float) -> float:
    """Cubic convolution kernel of Keys (1981) with a = -0.75."""
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def slow_bicubic(grid: np.ndarray, size: int) -> np.ndarray:
    """Corners on corners, border clamped, in float64."""
    n = len(grid)
    weights = np.zeros((size, n))
    for i in range(size):
        x = i * (n - 1) / (size - 1)
        base = int(np.floor(x))
        for k in range(base - 1, base + 3):
            weights[i, min(max(k, 0), n - 1)] += keys(x - k)
    return weights @ grid @ weights.T


def test_displacements_are_a_bicubic_of_a_gaussian_grid() -> None:
    field = displacement(2, (33, 33), 3, 10.0, generator(3))
    coarse = torch.randn(2, 2, 3, 3, generator=generator(3)) * 10
    for b in range(2):
        for axis in range(2):
            expected = slow_bicubic(coarse[b, axis].double().numpy(), 33)
            np.testing.assert_allclose(field[b, axis], expected, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 20), min_size=2, max_size=3), st.integers(2, 6))
def test_displacements_are_what_torch_interpolates(size: list[int], points: int) -> None:
    """Bicubic in planes; in volumes linear along z."""
    dims, device = len(size), torch.device("cpu")
    coarse = torch.randn(2, dims, *([points] * dims), generator=generator(7)) * 3
    planes = coarse if dims == 2 else coarse.flatten(0, 2)[:, None]
    expected = F.interpolate(planes, size=size[-2:], mode="bicubic", align_corners=True)
    if dims == 3:
        expected = expected.reshape(2, dims, points, *size[1:])
        expected = F.interpolate(expected, size=size, mode="trilinear", align_corners=True)
    found = displacement(2, tuple(size), points, 3.0, generator(7), device)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_autocast_does_not_round_displacements() -> None:
    recipe = preset(rotation="free")
    expected = sampling_grid((40, 50), 2, recipe, generator(4))
    with torch.autocast("cpu", torch.bfloat16):
        found = sampling_grid((40, 50), 2, recipe, generator(4))
    torch.testing.assert_close(found, expected, atol=0, rtol=0)


def test_the_standard_deviation_is_the_grids() -> None:
    field = displacement(400, (5, 5), 3, 10.0, generator())
    assert abs(float(field[:, :, 0, 0].std()) - 10) < 1


def test_no_strength_is_a_plain_crop() -> None:
    image = torch.randn(3, 2, 40, 44)
    grid = sampling_grid((16, 20), 3, preset(**STILL), generator())
    cut = sample(image, grid, "bicubic")
    np.testing.assert_allclose(cut, image[:, :, 12:28, 12:32], atol=1e-4)
    np.testing.assert_array_equal(sample(image, grid, "nearest"), image[:, :, 12:28, 12:32])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 4.0, 10.0]),
    st.sampled_from(["free", "quarter"]),
    st.booleans(),
)
def test_labels_hold_only_values_that_were_there(
    seed: int, sd: float, rotation: str, mirror: bool
) -> None:
    recipe = preset(elastic_sd=sd, rotation=rotation, mirror=mirror)
    labels = torch.from_numpy(
        np.random.default_rng(seed).choice([0, 3, 7, 255], (2, 1, 60, 60)).astype(np.float32)
    )
    grid = sampling_grid((24, 24), 2, recipe, generator(seed))
    warped = sample(labels, grid, "nearest")
    assert set(warped.unique().tolist()) <= {0, 3, 7, 255}


def test_images_are_interpolated_bicubically() -> None:
    image = torch.randn(1, 1, 9, 11, generator=generator(6))
    places = (torch.rand(1, 1, 50, 2, generator=generator(7)) - 0.5) * torch.tensor([11.0, 13.0])
    found = sample(image, places, INTERPOLATION[2])[0, 0, 0]
    pixels = image[0, 0].double().numpy()
    for value, (y, x) in zip(found, places[0, 0].double().numpy(), strict=True):
        y, x = y + 4, x + 5
        top, left = int(np.floor(y)), int(np.floor(x))
        expected = sum(
            pixels[min(max(i, 0), 8), min(max(j, 0), 10)] * keys(y - i) * keys(x - j)
            for i in range(top - 1, top + 3)
            for j in range(left - 1, left + 3)
        )
        assert abs(float(value) - expected) < 1e-4


def test_image_and_labels_move_together() -> None:
    recipe = preset()
    half = reach((48, 48), recipe)
    rows = torch.arange(2.0 * half[0])
    field = ((rows[:, None] // 20 + rows[None] // 20) % 2)[None, None].expand(4, 1, -1, -1)
    grid = sampling_grid((48, 48), 4, recipe, generator(5))
    image, labels = sample(field, grid, "bicubic"), sample(field, grid, "nearest")
    assert ((image > 0.5) == (labels > 0.5)).float().mean() > 0.97


def test_the_window_is_large_enough() -> None:
    recipe = preset(elastic_sd=10.0, rotation="free")
    half = reach((64, 64), recipe)
    grids = torch.cat([sampling_grid((64, 64), 8, recipe, generator(s)) for s in range(20)])
    outside = (grids.abs() > torch.tensor(half)).any(-1).float().mean()
    assert outside < 0.002


def test_three_dimensions() -> None:
    recipe = preset()
    grid = sampling_grid((6, 16, 16), 2, recipe, generator())
    assert grid.shape == (2, 6, 16, 16, 3)
    assert sample(torch.randn(2, 1, 20, 60, 60), grid, "nearest").shape == (2, 1, 6, 16, 16)


def test_greys_vary_but_not_at_no_strength() -> None:
    image = torch.rand(2, 1, 8, 8) * 2 - 1
    torch.testing.assert_close(vary_greys(image, preset(**STILL), generator()), image)
    varied = vary_greys(image, preset(), generator())
    assert varied.isfinite().all()
    assert not torch.equal(varied, image)


def test_blurring_is_a_gaussian_of_one_pixel_in_each_plane() -> None:
    image = torch.randn(2, 2, 3, 11, 9, generator=generator(4))
    expected = ndimage.gaussian_filter(
        image.double().numpy(), (0, 0, 0, 1, 1), mode="nearest", truncate=3
    )
    np.testing.assert_allclose(blurred(image), expected, atol=1e-6)


def test_sharpness_multiplies_detail_and_nothing_else() -> None:
    image = torch.randn(400, 1, 9, 9, generator=generator(4))
    varied = vary_greys(image, preset(**STILL | {"sharpness": 0.7}), generator())
    fine = image - blurred(image)
    factors = ((varied - image) * fine).sum((1, 2, 3)) / fine.square().sum((1, 2, 3)) + 1
    torch.testing.assert_close(
        varied, image + (factors - 1)[:, None, None, None] * fine, atol=1e-5, rtol=0
    )
    strengths = factors.log() / 0.7
    assert -1 <= strengths.min() < -0.95
    assert 0.95 < strengths.max() <= 1
    assert abs(float(strengths.mean())) < 0.1


def test_quarter_turns_and_mirroring_move_pixels_without_blending() -> None:
    recipe = preset(**(STILL | {"rotation": "quarter", "mirror": True}))
    image = torch.randn(16, 1, 24, 24)
    grid = sampling_grid((24, 24), 16, recipe, generator(2))
    moved = sample(image, grid, "bicubic")
    kinds = set()
    for one, result in zip(image[:, 0], moved[:, 0], strict=True):
        views = [torch.rot90(v, k) for v in (one, one.flip(-1)) for k in range(4)]
        fitting = [i for i, v in enumerate(views) if torch.allclose(v, result, atol=1e-3)]
        assert len(fitting) == 1
        kinds.update(fitting)
    assert len(kinds) >= 5
