"""A model predicts arrays of any leading axes, the same after saving and loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.model import file
from napari_unet.model.header import (
    Header,
    History,
    NormalisationConstants,
    Provenance,
    default_classes,
)
from napari_unet.model.model import Model, load
from napari_unet.networks import registry

ARGUMENTS: dict[str, Any] = {"width": 4, "depth": 2, "padding": "same", "norm": "batch"}


def make(axes: str = "yx", *, kind: str = "classes", classes: int = 2, dims: int = 2) -> Model:
    """A small network with random weights and random batch statistics."""
    channels = 3 if "c" in axes else 1
    torch.manual_seed(0)
    network = registry.build(
        "unet", dims=dims, in_channels=channels, out_channels=classes, arguments=ARGUMENTS
    )
    for name, buffer in network.named_buffers():
        if "running_mean" in name:
            buffer.uniform_(-0.2, 0.2)
        if "running_var" in name:
            buffer.uniform_(0.5, 1.5)
    header = Header(
        network="unet",
        arguments=ARGUMENTS,
        dims=dims,  # type: ignore[arg-type]
        in_channels=channels,
        classes=default_classes(classes),
        label_kind=kind,  # type: ignore[arg-type]
        axes=axes,
        normalisation=NormalisationConstants(
            method="training", low=(0.0,) * channels, high=(255.0,) * channels
        ),
    )
    return Model(header, network)


@pytest.fixture
def noise() -> Callable[..., npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    return lambda *shape: rng.integers(0, 256, shape, np.uint8)


def predict(model: Model, image: Any, **options: Any) -> npt.NDArray[Any]:
    return model.predict(image, device="cpu", precision="float32", **options)


def test_outputs_follow_from_the_probability(noise: Callable[..., Any]) -> None:
    model, image = make(classes=3), noise(40, 50)
    probability = predict(model, image)
    assert probability.shape == (3, 40, 50)
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability.sum(0), 1, atol=1e-5)
    assert probability.std() > 0.05  # a network that says nothing would pass every test here
    classes = predict(model, image, output="classes")
    assert classes.dtype == np.uint8
    np.testing.assert_array_equal(classes, probability.argmax(0))
    uncertainty = predict(model, image, output="uncertainty")
    entropy = -(probability * np.log(probability)).sum(0) / np.log(3)
    np.testing.assert_allclose(uncertainty, entropy, atol=1e-5)
    objects = predict(model, image, output="objects")
    assert objects.dtype == np.int32
    np.testing.assert_array_equal(objects > 0, classes > 0)
    with pytest.raises(UserError, match="no output 'mask'"):
        predict(model, image, output="mask")


def test_leading_axes_are_planes_of_their_own(noise: Callable[..., Any]) -> None:
    model, stack = make("tzyx"), noise(2, 3, 24, 20)
    whole = predict(model, stack)
    assert whole.shape == (2, 2, 3, 24, 20)
    for t in range(2):
        np.testing.assert_array_equal(predict(model, stack[t]), whole[:, t])
        for z in range(3):
            np.testing.assert_array_equal(predict(model, stack[t, z]), whole[:, t, z])
    objects = predict(model, stack, output="objects")
    assert objects.shape == (2, 3, 24, 20)
    np.testing.assert_array_equal(predict(model, stack[1, 2], output="objects"), objects[1, 2])


def test_z_is_spatial_for_a_3d_model(noise: Callable[..., Any]) -> None:
    model = make("tzyx", dims=3)
    assert predict(model, noise(8, 12, 16)).shape == (2, 8, 12, 16)
    assert predict(model, noise(2, 8, 12, 16)).shape == (2, 2, 8, 12, 16)
    with pytest.raises(UserError, match="pass axes"):
        predict(model, noise(12, 16))


def test_colour(noise: Callable[..., Any]) -> None:
    model, image = make("yxc"), noise(24, 20, 3)
    plain = predict(model, image)
    np.testing.assert_array_equal(predict(model, np.moveaxis(image, 2, 0), axes="cyx"), plain)
    np.testing.assert_array_equal(predict(model, Image("a", image, "yxc")), plain)
    with pytest.raises(UserError, match="trained on 3 channels, the image has 2"):
        predict(model, image[..., :2])


@pytest.mark.parametrize("axes", [None, "zyx"])
def test_more_dimensions_than_in_training_need_axes(
    noise: Callable[..., Any], axes: str | None
) -> None:
    model, stack = make("yx"), noise(2, 16, 16)
    if axes is None:
        with pytest.raises(UserError, match=r"axes yx, the image has 3 dimensions: pass axes"):
            predict(model, stack)
    else:
        assert predict(model, stack, axes=axes).shape == (2, 2, 16, 16)


def test_wrong_number_of_channels(noise: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="trained on 1 channel, cells has 3"):
        predict(make(), Image("cells", noise(16, 16, 3), "yxc"))


def test_tiles_and_views(noise: Callable[..., Any]) -> None:
    model, image = make(), noise(72, 92)  # of the stride, 4, so that the views' grids agree
    whole = predict(model, image)
    np.testing.assert_allclose(predict(model, image, tile=32), whole, atol=1e-5)
    turned = predict(model, image, rotations=True)
    assert np.abs(turned - whole).max() > 1e-4
    np.testing.assert_allclose(
        np.rot90(turned, axes=(1, 2)),
        predict(model, np.rot90(image).copy(), rotations=True),
        atol=1e-5,
    )


def test_the_recipe_says_whether_views_are_averaged(noise: Callable[..., Any]) -> None:
    model, image = make(), noise(32, 32)
    one, eight = predict(model, image), predict(model, image, rotations=True)
    model.header = model.header.model_copy(update={"preset": {"rotations": True}})
    np.testing.assert_array_equal(predict(model, image), eight)
    np.testing.assert_array_equal(predict(model, image, rotations=False), one)


def test_the_recipe_says_whether_it_looks_twice(noise: Callable[..., Any]) -> None:
    model, image = make(), noise(32, 32)
    one = predict(model, image)
    model.header = model.header.model_copy(update={"preset": {"second_look": 0.4}})
    twice = predict(model, image)
    assert np.abs(twice - one).max() > 1e-4
    np.testing.assert_array_equal(predict(model.one_look(), image), one)
    assert model.second_look == 0.4
    assert model.one_look().second_look == 0
    assert model.one_look().network is model.network
    # What is predicted differs: a prediction must not be resumed with the other.
    assert model.fingerprint() != model.one_look().fingerprint()


@pytest.mark.parametrize(("share", "taken"), [("much", 0), (-1, 0), (7, 1), (True, 1), (None, 0)])
def test_a_share_that_cannot_be(share: Any, taken: float, noise: Callable[..., Any]) -> None:
    """A file may say anything: nothing breaks."""
    model = make()
    model.header = model.header.model_copy(update={"preset": {"second_look": share}})
    assert model.second_look == taken
    found = predict(model, noise(20, 20))
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_volumes_are_looked_at_once() -> None:
    model = make("zyx", dims=3)
    geometry = model.geometry
    model.header = model.header.model_copy(update={"preset": {"second_look": 0.4}})
    assert model.second_look == 0
    assert model.geometry == geometry


def test_method_image_looks_at_the_whole_array(noise: Callable[..., Any]) -> None:
    model = make("zyx")
    constants = NormalisationConstants(method="image", low=(0.0,), high=(1.0,))
    model.header = model.header.model_copy(update={"normalisation": constants})
    stack = noise(2, 32, 32)
    stack[1] //= 8
    prediction = predict(model, stack)
    np.testing.assert_allclose(predict(model, stack * np.float32(7)), prediction, atol=1e-4)
    # The darker plane alone would be stretched; beside the other one it stays dark.
    assert np.abs(predict(model, stack[1]) - prediction[:, 1]).max() > 1e-3


@pytest.mark.parametrize("folder", [False, True])
def test_bit_identical_after_saving_and_loading(
    tmp_path: Path, noise: Callable[..., Any], folder: bool
) -> None:
    model, image, path = make(), noise(40, 50), tmp_path / "m.unet"
    if folder:
        file.save(path, model.header, model.network.state_dict(), folder=True)
    else:
        model.save(path)
    again = load(path)
    assert again.header == model.header
    np.testing.assert_array_equal(predict(again, image), predict(model, image))
    # and once more from what was loaded and used
    again.save(tmp_path / "n.unet")
    np.testing.assert_array_equal(predict(load(tmp_path / "n.unet"), image), predict(model, image))


def test_the_fingerprint_says_what_is_predicted_not_when_it_was_learned() -> None:
    model = make()
    known = model.fingerprint()

    def of(**changes: Any) -> str:
        return Model(model.header.model_copy(update=changes), model.network).fingerprint()

    assert of(provenance=Provenance(created="2026-01-01T00:00:00+00:00", seed=3)) == known
    assert of(history=History(steps=7, seconds=2.5)) == known
    other = NormalisationConstants(method="training", low=(0,), high=(9,))
    assert of(normalisation=other) != known
    assert of(min_object_size=5) != known
    with torch.no_grad():
        next(model.network.parameters()).view(-1)[0] += 1e-6
    assert model.fingerprint() != known


def test_objects_models_separate_and_drop(noise: Callable[..., Any]) -> None:
    model = make(kind="objects")
    assert model.default_outputs == ("classes", "objects")
    assert make().default_outputs == ("classes",)
    probability = np.zeros((2, 20, 20), np.float32)
    probability[0] = 1
    probability[:, 2:10, 2:10] = probability[:, 2:10, 12:14] = np.array([0, 1])[:, None, None]
    assert model.objects(probability).max() == 2
    model.header = model.header.model_copy(update={"min_object_size": 20})
    assert model.objects(probability).max() == 1


def test_objects_of_volumes_are_cut_by_the_size_of_their_voxels() -> None:
    z, y, x = np.meshgrid(np.arange(0, 68, 4), np.arange(44), np.arange(44), indexing="ij")
    middle = (y - 22) ** 2 + (x - 22) ** 2
    balls = ((z - 20) ** 2 + middle < 196) | ((z - 44) ** 2 + middle < 196)
    probability = np.stack([~balls, balls]).astype(np.float32)
    model = make("zyx", kind="objects", dims=3)
    for spacing, objects in ((None, 1), ((2.0, 0.5, 0.5), 2)):
        model.header = model.header.model_copy(update={"spacing": spacing, "split_depth": 1.5})
        assert model.objects(probability).max() == objects


def damaged(tmp_path: Path, **changes: Any) -> str:
    """The sentence about a file whose header or weights were changed."""
    model = make()
    weights = dict(model.network.state_dict())
    for name, value in changes.pop("weights", {}).items():
        weights[name] = value
    for name in changes.pop("without", []):
        del weights[name]
    header = model.header.model_copy(update=changes)
    file.save(tmp_path / "m.unet", header, weights)
    with pytest.raises(UserError) as caught:
        load(tmp_path / "m.unet")
    assert str(caught.value).startswith(f"{tmp_path / 'm.unet'}: ")
    return str(caught.value)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    head = "head.weight"
    assert f"the tensor {head} is missing" in damaged(tmp_path, without=[head])
    message = damaged(tmp_path, weights={head: torch.zeros(5, 4, 1, 1)})
    assert head in message
    assert "5 x 4 x 1 x 1 (float32) instead of 2 x 4 x 1 x 1 (float32)" in message
    assert "float64" in damaged(tmp_path, weights={head: torch.zeros(2, 4, 1, 1).double()})
    assert "extra of the weights does not belong" in damaged(
        tmp_path, weights={"extra": torch.zeros(1)}
    )
    assert "does not fit" in damaged(tmp_path, classes=default_classes(3))


def test_networks_that_there_are_not(tmp_path: Path) -> None:
    assert "model.json: There is no network 'vnet'" in damaged(tmp_path, network="vnet")
    assert "no argument 'depht'" in damaged(tmp_path, arguments={"depht": 3})


def test_a_header_that_asks_for_terabytes_is_refused_without_taking_any(tmp_path: Path) -> None:
    message = damaged(tmp_path, arguments={"width": 1024, "depth": 7})
    assert "does not fit" in message


@pytest.mark.parametrize("tile", [np.int64(16), (16, 16), np.array([16, 16]), [np.int32(16), 16]])
def test_a_tile_is_any_whole_number_or_one_for_each_axis(
    noise: Callable[..., npt.NDArray[np.uint8]], tile: Any
) -> None:
    pixels, model = noise(40, 30), make()
    found = model.predict(pixels, tile=tile, precision="float32")
    np.testing.assert_array_equal(found, model.predict(pixels, tile=16, precision="float32"))


@pytest.mark.parametrize("tile", [(32,), (8, 8, 8), 32.5, "32", (8, "8")])
def test_a_tile_that_is_none_is_one_sentence(
    noise: Callable[..., npt.NDArray[np.uint8]], tile: Any
) -> None:
    with pytest.raises(UserError, match=r"A tile size of .* is not possible"):
        make().predict(noise(40, 30), tile=tile)


def test_lists_are_images_where_numpy_makes_an_array_of_them(
    noise: Callable[..., npt.NDArray[np.uint8]],
) -> None:
    pixels, model = noise(40, 30), make()
    found = model.predict(pixels.tolist(), precision="float32")
    np.testing.assert_allclose(found, model.predict(pixels, precision="float32"), atol=1e-5)
    with pytest.raises(UserError, match="its rows differ in length"):
        model.predict([[1, 2], [3]])  # type: ignore[arg-type]
