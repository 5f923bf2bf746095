"""The start weights that come with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import torch

from napari_unet.core import make_trainer
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.networks import registry
from napari_unet.start.general import FILE, LENGTH, general_weights, shortened
from napari_unet.start.objective import similarity
from napari_unet.start.scenes import draw
from napari_unet.training.data import LabelledImage

LIVE = registry.spec("unet").live


def labelled(channels: int = 1, classes: int = 2) -> LabelledImage:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (channels, 64, 64), np.uint8)
    labels = (np.arange(64 * 64).reshape(64, 64) // 500 % classes).astype(np.uint8)
    image = Image("one", pixels, "cyx")
    return LabelledImage(image, Image("one", labels, "yx"), "classes", complete=True)


def test_the_file_is_small() -> None:
    assert len(resources.files("napari_unet.start").joinpath(FILE).read_bytes()) <= 4_000_000


def test_all_numbers_of_the_file_are_finite() -> None:
    """float16 ends at 65504, which variances of long filters exceed."""
    weights = general_weights("unet", LIVE, dims=2, channels=1)
    assert weights is not None
    for name, value in weights.items():
        assert value.isfinite().all(), name
        if value.dim() == 4 and "up." not in name and "head" not in name:
            length = float(value.flatten(1).norm(dim=1).mean())
            assert length == pytest.approx(LENGTH, rel=0.01), name


def test_their_features_are_different_at_every_depth() -> None:
    """A network that learned nothing but inside and outside says the same in every channel of its
    deep layers (mean squared correlation 0.4), and learns other things badly from there.
    """
    network = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=LIVE)
    weights = general_weights("unet", LIVE, dims=2, channels=1)
    assert weights is not None
    network.load_state_dict(weights)
    found = {}
    for part in ("contracting", "expansive"):
        for name, block in network.get_submodule(part).named_children():
            block.register_forward_hook(
                lambda _, __, out, key=f"{part}.{name}": found.update({key: float(similarity(out))})
            )
    pictures = np.stack([draw(seed, 128)[0] for seed in range(12)])[:, None]
    with torch.no_grad():
        network.eval()(torch.from_numpy(pictures))
    assert len(found) == 9
    for name, value in found.items():
        assert value < 0.1, (name, value)


POOLINGS: list[dict[str, object]] = [
    {"depth": 4},
    {"depth": 2},
    {"depth": 3, "pooling": [[1, 2, 2], [1, 2, 2], [2, 2, 2]]},
    {"depth": 3, "pooling": [[1, 1, 2], [1, 2, 2], [2, 2, 2]]},
]


@pytest.mark.parametrize("more", POOLINGS, ids=str)
def test_they_fit_networks_for_volumes(more: dict[str, object]) -> None:
    arguments = LIVE | more
    weights = general_weights("unet", arguments, dims=3, channels=2)
    assert weights is not None
    network = registry.build(
        "unet", dims=3, in_channels=2, out_channels=2, arguments=arguments
    ).eval()
    network.load_state_dict(weights)
    assert network(torch.zeros(1, 2, 16, 16, 16)).isfinite().all()


def test_fewer_poolings_take_the_upper_levels() -> None:
    """Each filter has its place, which is that of its size."""
    whole = general_weights("unet", LIVE | {"depth": 4}, dims=3, channels=1)
    upper = general_weights("unet", LIVE | {"depth": 2}, dims=3, channels=1)
    assert whole is not None
    assert upper is not None
    for ours, theirs in (
        ("contracting.2.3", "contracting.2.3"),
        ("up.0", "up.2"),
        ("expansive.0.0", "expansive.2.0"),
        ("expansive.1.3", "expansive.3.3"),
        ("head", "head"),
    ):
        assert torch.equal(upper[f"{ours}.weight"], whole[f"{theirs}.weight"])
    assert not any(name.startswith("contracting.3") for name in upper)


def test_levels_that_do_not_look_from_plane_to_plane_have_the_filters_of_planes() -> None:
    """All but the lowest one, which looks everywhere."""
    arguments = LIVE | {"depth": 4, "pooling": [[1, 2, 2]] * 4}
    weights = general_weights("unet", arguments, dims=3, channels=1)
    flat = general_weights("unet", LIVE, dims=2, channels=1)
    assert weights is not None
    assert flat is not None
    equal = [n for n, v in weights.items() if v.dim() == 5 and "contracting.4" not in n]
    assert len(equal) > 15
    for name in equal:
        assert torch.equal(
            weights[name].squeeze(2),
            flat[name].reshape(weights[name].shape[:2] + weights[name].shape[3:]),
        ), name


@pytest.mark.parametrize(
    "more", [{"depth": 5}, {"width": 8}, {"padding": "valid"}, {"norm": "none"}], ids=str
)
def test_other_networks_for_volumes_have_none(more: dict[str, object]) -> None:
    assert general_weights("unet", LIVE | more, dims=3, channels=1) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_they_fit_the_live_network_and_any_number_of_channels(channels: int) -> None:
    weights = general_weights("unet", LIVE, dims=2, channels=channels)
    assert weights is not None
    network = registry.build(
        "unet", dims=2, in_channels=channels, out_channels=2, arguments=LIVE
    ).eval()
    network.load_state_dict(weights)
    grey = torch.randn(1, 1, 64, 64)
    one = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=LIVE).eval()
    single = general_weights("unet", LIVE, dims=2, channels=1)
    assert single is not None
    one.load_state_dict(single)
    with torch.no_grad():
        coloured = network(grey.expand(1, channels, 64, 64))
        torch.testing.assert_close(coloured, one(grey), atol=1e-3, rtol=1e-3)


def test_short_filters_say_the_same_and_turn_faster() -> None:
    torch.manual_seed(0)
    long = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=LIVE)
    images = torch.randn(4, 1, 64, 64)
    for _ in range(40):
        long(images)  # batch statistics
    weights = long.eval().state_dict()
    short = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=LIVE).eval()
    short.load_state_dict(shortened(weights, 0.5))
    with torch.no_grad():
        # Not quite: the normalisation adds 1e-5 to the variance.
        torch.testing.assert_close(short(images), long(images), atol=0.02, rtol=0.0)
    changed = [
        name
        for name, value in short.state_dict().items()
        if value.dim() == 4 and not torch.equal(value, weights[name])
    ]
    # All 3 x 3 convolutions; not the up-convolutions and the head, which nothing normalises.
    assert len(changed) == 2 * 9
    for name in changed:
        assert float(short.state_dict()[name].flatten(1).norm(dim=1).mean()) == pytest.approx(0.5)


def test_other_networks_have_none() -> None:
    assert general_weights("unet", {**LIVE, "width": 8}, dims=2, channels=1) is None
    assert general_weights("unet", {**LIVE, "depth": 3}, dims=2, channels=1) is None
    assert general_weights("lunet", {}, dims=2, channels=1) is None
    with pytest.raises(UserError, match="start from random"):
        make_trainer([labelled()], arguments={"width": 8}, start="general")


@pytest.mark.parametrize(("channels", "classes"), [(1, 2), (2, 4)])
def test_a_training_begins_with_them(channels: int, classes: int) -> None:
    one = labelled(channels, classes)
    trainer = make_trainer([one], start="auto", validation="none")
    assert trainer.origin == "general"
    weights = general_weights("unet", LIVE, dims=2, channels=channels)
    own = trainer.learner.network.state_dict()
    assert weights is not None
    for name, value in weights.items():
        torch.testing.assert_close(own[name][: len(value)] if value.dim() else own[name], value)
    assert make_trainer([one], start="random", validation="none").origin == "random"
    small = make_trainer([one], arguments={"width": 8}, validation="none")
    assert small.origin == "random"


def test_they_know_what_is_inside_of_drawn_objects() -> None:
    """On scenes that were not trained on, better than chance by far."""
    weights = general_weights("unet", LIVE, dims=2, channels=1)
    assert weights is not None
    network = registry.build("unet", dims=2, in_channels=1, out_channels=2, arguments=LIVE).eval()
    network.load_state_dict(weights)
    right = []
    for seed in range(12):
        picture, ids = draw(seed, 128)
        with torch.no_grad():
            found = network(torch.from_numpy(picture)[None, None])[0].argmax(0).numpy() > 0
        inside = ids > 0
        union = (found | inside).sum()
        right.append((found & inside).sum() / union if union else 1.0)
    assert np.mean(right) > 0.5
