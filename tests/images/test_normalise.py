from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.normalise import Normalisation, choose_normalisation, percentiles
from napari_unet.images.reading import read_image


def grey(array: np.ndarray, axes: str = "yx") -> Image:
    return Image("a", array, axes)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i4", "u8", "f2", "f4", ">f4", "f8"])
def test_every_dtype_gives_the_formula(dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 120, (2, 30, 40)).astype(dtype)
    norm = Normalisation("training", (10.0, 3.5), (90.0, 4.5))
    out = norm.apply(array)
    x = array.astype(float)
    expected = np.stack([(x[0] - 10) / 80 * 2 - 1, (x[1] - 3.5) / 1 * 2 - 1])
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["u4", "i8", "f8"])
def test_a_large_offset_keeps_the_contrast(dtype: str) -> None:
    array = (2_000_000_000 + np.arange(100)).reshape(1, 10, 10).astype(dtype)
    low, high = percentiles(grey(array, "cyx"))
    out = Normalisation("training", low, high).apply(array)
    assert np.unique(out).size == 100


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 30), st.integers(1, 30), st.sampled_from(["u1", "f4"]))
def test_small_images_give_exact_percentiles(c: int, h: int, w: int, dtype: str) -> None:
    array = np.random.default_rng(h * w).integers(0, 255, (c, h, w)).astype(dtype)
    array[:, 0, 0], array[:, -1, -1] = 0, 255
    low, high = percentiles(grey(array, "cyx"))
    expected = np.percentile(array.reshape(c, -1), (1, 99), axis=1)
    same = expected[0] == expected[1]
    expected[:, same] = [array.min(axis=(1, 2))[same], array.max(axis=(1, 2))[same]]
    np.testing.assert_allclose((low, high), expected, rtol=1e-6)


def test_percentiles_are_by_channel_and_over_all_planes() -> None:
    array = np.zeros((4, 20, 20, 3), np.uint16)
    array[..., 1] = np.arange(4)[:, None, None] * 100
    array[..., 2] = 7
    low, high = percentiles(grey(array, "tyxc"))
    assert low == (0, 0, 7)
    assert high == (0, 300, 7)


def test_constant_images_give_zeros() -> None:
    array = np.full((1, 8, 8), 9, np.uint8)
    norm = choose_normalisation([grey(array, "cyx")])
    np.testing.assert_array_equal(norm.apply(array), np.zeros((1, 8, 8)))


def test_sparse_foreground_is_not_taken_for_constant() -> None:
    array = np.zeros((1, 50, 50), np.uint8)
    array[0, 3, 3] = 200
    norm = choose_normalisation([grey(array, "cyx")])
    assert (norm.low, norm.high) == ((0.0,), (200.0,))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_pixels_that_are_not_finite_do_not_count_and_become_zero(dtype: str) -> None:
    array = np.linspace(0, 100, 400).reshape(1, 20, 20).astype(dtype)
    clean = percentiles(grey(array[:, 1:], "cyx"))
    array[0, 0, :3], array[0, 0, 3:] = [np.nan, np.inf, -np.inf], np.nan
    low, high = percentiles(grey(array, "cyx"))
    assert (low, high) == clean
    out = Normalisation("training", low, high).apply(array)
    assert (out[0, 0] == 0).all()
    assert np.isfinite(out).all()
    assert out[0, 1:].std() > 0.5


def test_nothing_finite_and_values_that_overflow_give_zeros() -> None:
    nothing = np.full((1, 4, 4), np.nan)
    assert percentiles(grey(nothing, "cyx")) == ((0.0,), (0.0,))
    huge = np.array([[[0.0, 1.0, 1e300]]])
    np.testing.assert_array_equal(
        Normalisation("training", (0.0,), (1.0,)).apply(huge), [[[-1, 1, 0]]]
    )


def test_float16_does_not_overflow() -> None:
    array = np.linspace(-60000, 60000, 400).reshape(1, 20, 20).astype("f2")
    low, high = percentiles(grey(array, "cyx"))
    np.testing.assert_allclose((low[0], high[0]), (-58800, 58800), rtol=1e-2)


def test_another_number_of_channels_is_told() -> None:
    with pytest.raises(UserError, match="has 3 channels, but 1 were expected"):
        Normalisation("training", (0.0,), (1.0,)).apply(np.zeros((3, 4, 4)))


class Counting:
    """An array of any size that is computed from its position and counts what is read."""

    dtype = np.dtype("f4")

    def __init__(self, *shape: int) -> None:
        self.shape, self.values = shape, 0

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray:
        ranges = [
            np.array([k]) if isinstance(k, int | np.integer) else np.arange(n)[k]
            for k, n in zip(key, self.shape, strict=True)
        ]
        parts = np.ix_(*[r / n for r, n in zip(ranges, self.shape, strict=True)])
        out: Any = sum(parts[-2:]) / 2
        kept = [r.size for r, k in zip(ranges, key, strict=True) if isinstance(k, slice)]
        self.values += int(np.prod(kept))
        return np.broadcast_to(out, [r.size for r in ranges]).reshape(kept)


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((60000, 50000), 2), ((700, 3000, 2500), 2), ((900, 1100, 1000), 3), ((4, 9000, 8000), 3)],
)
def test_a_large_image_is_sampled_fairly_and_the_same_each_time(
    shape: tuple[int, ...], dims: int
) -> None:
    data = Counting(*shape)
    image = Image("a", data, "zyx"[-len(shape) :], dims=dims)
    first = percentiles(image)
    values = data.values
    assert values < 2**24 * 1.1
    assert first == percentiles(image)
    assert data.values == values, "asking again must not read again"
    assert first == percentiles(Image("b", data, image.axes, dims=dims))
    # y/h + x/w, halved, has a triangular distribution on 0 .. 1.
    np.testing.assert_allclose((first[0][0], first[1][0]), (0.0707, 0.9293), atol=0.02)


def test_method_image_takes_the_constants_of_the_image() -> None:
    norm = Normalisation("image", (0.0,), (1.0,))
    image = grey(np.arange(2000, dtype=np.uint16).reshape(2, 20, 50), "zyx")
    own = norm.for_image(image)
    assert own.method == "image"
    assert (own.low, own.high) == percentiles(image)
    assert norm.for_image(image, (1,)) == own
    training = Normalisation("training", (0.0,), (1.0,))
    assert training.for_image(image) is training


def ramp(low: float, high: float, dtype: str = "f4") -> Image:
    return grey(np.linspace(low, high, 2500).reshape(50, 50).astype(dtype))


def test_choice_by_range_and_type() -> None:
    assert choose_normalisation([ramp(0, 100)]).method == "training"
    norm = choose_normalisation([ramp(0, 100), ramp(10, 120)])
    assert norm.method == "training"
    np.testing.assert_allclose((norm.low[0], norm.high[0]), (6.05, 108.95), atol=0.1)
    assert choose_normalisation([ramp(0, 100), ramp(0, 200)]).method == "image"
    assert choose_normalisation([ramp(0, 100), ramp(60, 160)]).method == "image"
    assert choose_normalisation([ramp(0, 100, "u1"), ramp(0, 100, "u2")]).method == "image"
    assert choose_normalisation([ramp(0, 100, "<u2"), ramp(0, 100, ">u2")]).method == "training"


def test_choice_looks_at_every_channel() -> None:
    one = np.stack([ramp(0, 100).data, ramp(0, 100).data])
    two = np.stack([ramp(0, 100).data, ramp(0, 300).data])
    assert choose_normalisation([grey(one, "cyx"), grey(two, "cyx")]).method == "image"


def test_choice_refuses_different_channels() -> None:
    with pytest.raises(UserError, match="same channels"):
        choose_normalisation([ramp(0, 1), grey(np.zeros((3, 4, 4)), "cyx")])


def test_real_images(shared_data: Path) -> None:
    slices = [read_image(p) for p in sorted((shared_data / "isbi2012/images").iterdir())[:5]]
    norm = choose_normalisation(slices)
    assert norm.method == "training"
    out = norm.apply(slices[0].read())
    assert -2 < out.min() < -0.9
    assert 0.9 < out.max() < 2


def test_missing_channels_become_nan_where_the_network_takes_that() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 9, (3, 8, 8)).astype(np.float32)
    pixels[1], pixels[2] = np.nan, 7
    image, whole = Image("a", pixels, "cyx"), Image("b", pixels[[0, 0, 0]], "cyx")
    for method in ("training", "image"):
        plain = Normalisation(method, (0,) * 3, (9,) * 3)
        assert np.isfinite(plain.for_image(image).apply(pixels)).all()
        marking = Normalisation(method, (0,) * 3, (9,) * 3, mark_missing=True)
        out = marking.for_image(image).apply(pixels)
        assert np.isfinite(out[0]).all()
        assert np.isnan(out[1:]).all()
        # The whole image decides, not the piece.
        assert np.isfinite(marking.for_image(whole).apply(pixels[[0, 2, 2]])).all()


def test_missing_channels_have_no_say_in_the_constants() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, 9, (2, 8, 8)).astype(np.float32)
    lacking = pixels.copy()
    lacking[1] = np.nan
    images = [Image("a", pixels, "cyx"), Image("b", lacking, "cyx")]
    chosen = choose_normalisation(images, mark_missing=True)
    assert chosen.method == "training"
    assert (chosen.low, chosen.high) == percentiles(images[0])
    assert choose_normalisation(images).method == "image"


FEW = np.arange(100, 200, dtype=np.float64).reshape(10, 10)


@pytest.mark.parametrize(
    ("array", "doubtful"),
    [
        (FEW, False),
        (FEW * 1.5, False),
        (FEW * 0.7, False),
        (FEW / 5 + 120, False),
        (FEW / 20 + 120, True),
        (FEW * 257, True),
        ((FEW - 150) * 3 + 150, False),
        ((FEW - 150) * 5 + 150, True),
        (FEW / 255, True),
        (FEW + 200, True),
        (FEW - 200, True),
        (np.zeros((10, 10)), False),
        (np.full((10, 10), 1e6), False),
    ],
)
def test_images_of_another_scale_are_doubted(array: np.ndarray, doubtful: bool) -> None:
    low, high = percentiles(grey(FEW))
    said = Normalisation("training", low, high).doubts(grey(array))
    assert (said is not None) == doubtful
    if said:
        assert "far from those that the model was trained with (101 to 198)" in said
    assert Normalisation("image", low, high).doubts(grey(array)) is None


def test_the_channel_of_another_scale_is_named() -> None:
    low, high = percentiles(grey(np.stack([FEW, FEW]), "cyx"))
    said = Normalisation("training", low, high).doubts(grey(np.stack([FEW, FEW * 50]), "cyx"))
    assert said is not None
    assert "in channel 1" in said
