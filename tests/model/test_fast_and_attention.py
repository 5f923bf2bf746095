"""UNet++ pruned at prediction, and where the gates of an Attention U-Net look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import make_model as make

from napari_unet.errors import UserError
from napari_unet.model.model import load


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_fast_is_the_head_of_the_level_and_keeps_all_weights(tmp_path: Path) -> None:
    model = make("unetpp", width=4, depth=3, level=3)
    image = noise(48, 56)
    accurate = model.predict(image, precision="float32")
    fast = model.fast(1)
    assert fast.geometry.halo < model.geometry.halo
    found = fast.predict(image, precision="float32", tile=16)
    assert abs(found - accurate).max() > 1e-4
    # Mirrored as prediction does it, all heads of the whole network.
    halo = model.geometry.halo[0]
    pixels = np.pad(image, halo, mode="reflect")[: 48 + 2 * halo, : 56 + 2 * halo]
    x = torch.from_numpy(pixels / 127.5 - 1).float()[None, None]
    with torch.no_grad():
        head = torch.softmax(model.network.heads(x)[0], 1)[0].numpy()
    np.testing.assert_allclose(found, head[:, halo : halo + 48, halo : halo + 56], atol=1e-5)
    fast.save(tmp_path / "fast.unet")
    again = load(tmp_path / "fast.unet")
    assert again.header.arguments["mode"] == "fast"
    np.testing.assert_array_equal(again.predict(image, precision="float32", tile=16), found)
    assert again.network.state_dict().keys() == model.network.state_dict().keys()


def test_fast_says_what_cannot_be_pruned() -> None:
    with pytest.raises(UserError, match="only UNet"):
        make("unet", width=2, depth=2, padding="same").fast(1)
    with pytest.raises(UserError, match="heads from 1 to 3"):
        make("unetpp", width=2, depth=3, level=3).fast(4)


@pytest.mark.parametrize(("dims", "gates"), [(2, "single"), (2, "multi"), (3, "single")])
def test_attention_is_exact_in_tiles(dims: int, gates: str) -> None:
    model = make("attention_unet", dims, width=2, depth=3, gates=gates, norm="none")
    image = noise(*((40, 52) if dims == 2 else (8, 20, 24)))
    maps = model.attention(image, precision="float32", tile=256)
    assert maps.shape == (len(model.attention_names), *image.shape)
    assert maps.dtype == np.float32
    assert 0 < maps.min() < maps.max() < 1
    parts = model.attention(image, precision="float32", tile=16)
    assert abs(parts - maps).max() < 1e-5
    per = 2 if gates == "multi" else 1
    assert model.attention_names == tuple(
        f"1/{f}" + (f" gate {g + 1}" if per > 1 else "") for f in (2, 4) for g in range(per)
    )
    # A coefficient of a level covers its pixels whole.
    blocks = maps[per].reshape(*(n for side in image.shape for n in (side // 4, 4)))
    assert np.ptp(blocks, axis=tuple(range(1, 2 * dims, 2))).max() == 0


def test_networks_without_gates_say_so() -> None:
    for model in (
        make("unet", width=2, depth=2, padding="same"),
        make("attention_unet", width=2, depth=2, gates="none"),
    ):
        assert model.attention_names == ()
        with pytest.raises(UserError, match="no attention gates"):
            model.attention(noise(16, 16))
