"""Batches: where pieces lie, what they weigh, that nothing held out is in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_training import data_of, labelled, recipe

from napari_unet.annotations.kinds import UNLABELLED
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training import sampler
from napari_unet.training.data import LabelledImage, TrainingData
from napari_unet.training.elastic import blurred
from napari_unet.training.plane import HeldOut
from napari_unet.training.sampler import Batch, draw_batch

STILL = recipe(
    elastic_sd=0,
    rotation="none",
    mirror=False,
    scale=0,
    contrast=0,
    brightness=0,
    gamma=0,
    shading=0,
    sharpness=0,
    noise=0,
)


def draw(data: TrainingData, seed: int = 0, size: int = 24, **settings: Any) -> Batch:
    arguments: dict[str, Any] = {
        "preset": STILL,
        "batch": 4,
        "output": (size, size),
        "border": (0, 0),
        "balance": torch.from_numpy(data.balance(data.classes(), 0.5)),
        "generator": torch.Generator().manual_seed(seed),
        "device": torch.device("cpu"),
    } | settings
    return draw_batch(data, **arguments)


def positions() -> LabelledImage:
    """An image whose pixel values tell where they are; class 1 on the right."""
    image = np.arange(48 * 48, dtype=np.uint16).reshape(48, 48)
    labels = np.zeros((48, 48), np.uint8)
    labels[:, 30:] = 1
    return LabelledImage(Image("where", image, "yx"), Image("where", labels, "yx"), "classes", True)


def test_without_deformation_a_piece_is_a_crop_with_its_labels() -> None:
    data = data_of([positions()])
    [plane] = data.planes.values()
    batch = draw(data, size=16, batch=8)
    low, high = data.normalisation.low[0], data.normalisation.high[0]
    seen = ((batch.images[:, 0].double() + 1) / 2 * (high - low) + low).numpy()
    for piece, classes in zip(seen, batch.classes.numpy(), strict=True):
        rows, columns = np.divmod(np.rint(piece).astype(int), 48)
        np.testing.assert_allclose(piece, rows * 48 + columns, atol=0.05)
        labelled_here = classes[(columns >= 0) & (columns < 48)]
        assert set(labelled_here) <= {0, 1}
    inside = batch.weights.numpy() > 0
    rows, columns = np.divmod(np.rint(seen).astype(int), 48)
    np.testing.assert_array_equal(batch.classes.numpy()[inside], (columns >= 30)[inside])
    assert inside.mean() > 0.5
    assert plane.held_out is None


def test_deformed_pieces_keep_the_finest_detail() -> None:
    noise = np.random.default_rng(0).normal(128, 30, (128, 128)).clip(0, 255).astype(np.uint8)
    labels = np.ones(noise.shape, np.uint8)
    data = data_of(
        [LabelledImage(Image("i", noise, "yx"), Image("i", labels, "yx"), "classes", True)]
    )
    plain, deformed = (
        draw(data, size=64, preset=STILL.model_copy(update={"elastic_sd": sd})).images
        for sd in (0.0, 4.0)
    )
    left = (deformed - blurred(deformed)).std() / (plain - blurred(plain)).std()
    assert left > 0.7  # of white noise bicubic leaves 0.80, linear interpolation 0.59


def test_weights_are_balance_plus_boundary() -> None:
    data = data_of(labelled(kind="objects"))
    [plane] = data.planes.values()
    assert plane.boundary is not None
    balance = data.balance(2, 0.5)
    expected = balance[plane.classes] + plane.boundary.astype(np.float32)
    batch = draw(data, size=64, batch=1)
    # The whole plane is visible, perhaps shifted: the sum over what is inside agrees by column.
    weights, classes = batch.weights[0].numpy(), batch.classes[0].numpy()
    shifts = [
        (y, x)
        for y in range(-25, 26)
        for x in range(-25, 26)
        if np.allclose(_shifted(expected, y, x), weights, rtol=1e-3)
    ]
    assert len(shifts) == 1
    np.testing.assert_array_equal(_shifted(plane.classes, *shifts[0]), classes)


def _shifted(array: np.ndarray, y: int, x: int) -> np.ndarray:
    """What a window of the same size sees at (y, x); 0 outside."""
    padded = np.pad(array, 32)
    return padded[32 + y : 96 + y, 32 + x : 96 + x]


@pytest.mark.parametrize(("rare", "low", "high"), [(0.0, 0.0, 0.15), (0.5, 0.18, 0.6)])
def test_how_often_a_rare_class_is_seen(rare: float, low: float, high: float) -> None:
    [one] = labelled()
    labels = np.zeros((64, 64), np.uint8)
    labels[40:42, 40:42] = 1
    data = data_of([LabelledImage(one.image, Image("image0", labels, "yx"), "classes", True)])
    batch = draw(data, size=16, batch=200, preset=STILL.model_copy(update={"rare": rare}))
    seen = (batch.classes == 1).flatten(1).any(1).float().mean()
    # Of 0.5 a quarter for sure, by class; chance alone would be about a fifteenth.
    assert low <= float(seen) < high


def test_planes_are_drawn_evenly_whatever_their_size() -> None:
    small, large = np.full((16, 16), 10, np.uint8), np.full((96, 96), 200, np.uint8)
    small[0, 0], large[0, 0] = 200, 10  # one range, so that one normalisation holds
    images = [
        LabelledImage(
            Image(n, a, "yx"), Image(n, (a > 100).astype(np.uint8), "yx"), "classes", True
        )
        for n, a in (("small", small), ("large", large))
    ]
    batch = draw(data_of(images), size=16, batch=200)
    dark = (batch.images.flatten(1).median(1).values < 0).float().mean()
    assert 0.35 < float(dark) < 0.65


def test_the_same_generator_draws_the_same() -> None:
    data = data_of(labelled(2))
    settings: dict[str, Any] = {"preset": recipe()}
    one, two, other = (draw(data, seed, **settings) for seed in (3, 3, 4))
    assert torch.equal(one.images, two.images)
    assert torch.equal(one.weights, two.weights)
    assert not torch.equal(one.images, other.images)


def test_nothing_held_out_has_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of([positions()])
    [plane] = data.planes.values()
    plane.hold_out(HeldOut(((10, 30), (20, 40))), 4)
    image = plane.image.data
    captured = []

    def spy(windows: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
        captured.append(windows)
        return original(windows, grid, mode)

    original = sampler.sample
    monkeypatch.setattr(sampler, "sample", spy)
    draw(data, size=32, batch=40, preset=recipe())
    pixels, labels = captured
    low, high = data.normalisation.low[0], data.normalisation.high[0]
    values = np.rint(((pixels[:, 0].double() + 1) / 2 * (high - low) + low).numpy()).astype(int)
    rows, columns = np.divmod(values, image.shape[1])
    held = (rows >= 6) & (rows < 34) & (columns >= 16) & (columns < 44)
    assert held.any()
    assert (labels[:, 0].numpy()[held] == UNLABELLED).all()


def test_nothing_left_to_train_on_is_said() -> None:
    data = data_of([positions()])
    [plane] = data.planes.values()
    plane.hold_out(HeldOut(((0, 48), (0, 48))))
    with pytest.raises(UserError, match="Nothing is left to train on"):
        draw(data)
