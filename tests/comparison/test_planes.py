"""Labelled planes become files that say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unet.comparison.planes import MARK, clear_planes, write_planes
from napari_unet.comparison.store import may_begin
from napari_unet.core.sources import open_labelled
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.training.data import LabelledImage


def stack(dims: int = 2, channels: int = 1) -> LabelledImage:
    """Five planes of which the second and fourth are labelled, the fifth is marked as complete."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60_000, (5, channels, 24, 40)).astype(np.uint16)
    labels = np.zeros((5, 24, 40), np.uint8)
    labels[1, :4], labels[3, 2:8, 5:] = 1, 2
    regions = np.zeros_like(labels)
    regions[4, :10] = 1
    name = "a stack: 1/2"
    return LabelledImage(
        Image(name, pixels, "zcyx", dims, (2.0, 0.5, 0.5)[-dims:]),
        Image(name, labels, "zyx", dims),
        "scribbles",
        regions=Image(name, regions, "zyx", dims),
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_labelled_planes_are_read_again(tmp_path: Path, channels: int) -> None:
    one = stack(channels=channels)
    written = write_planes(tmp_path, [one, one], 3)
    assert written.number == 6
    assert written.notes == ()
    opened = open_labelled(
        written.images, written.labels, kind=written.kind, regions=written.regions
    )
    names = [found.image.name for found in opened.images]
    assert sorted(names) == [
        f"a-stack-1-2{more}_z{plane:04d}" for more in ("-2", "") for plane in (1, 3, 4)
    ]
    for found, plane in zip(opened.images, (1, 3, 4) * 2, strict=True):
        assert found.image.channels == channels
        np.testing.assert_array_equal(found.image.read(()), one.image.read((plane,)))
        np.testing.assert_array_equal(found.labels.read(()), one.labels.read((plane,)))
        np.testing.assert_array_equal(found.annotated(()), one.annotated((plane,)))


def test_volumes_stay_whole_and_keep_their_voxel_size(tmp_path: Path) -> None:
    one = stack(3)
    written = write_planes(tmp_path, [one, one])
    opened = open_labelled(
        written.images, written.labels, kind="scribbles", regions=written.regions, dims=3
    )
    assert len(opened.images) == 2
    assert opened.images[0].image.spacing == (2.0, 0.5, 0.5)
    np.testing.assert_array_equal(opened.images[0].image.read(()), one.image.read(()))
    np.testing.assert_array_equal(opened.images[0].labels.read(()), one.labels.read(()))


def test_one_image_is_cut_into_pieces(tmp_path: Path) -> None:
    pixels = np.arange(64 * 200, dtype=np.float32).reshape(64, 200)
    labels = np.ones((64, 200), np.int64)
    image = LabelledImage(Image("a", pixels, "yx"), Image("a", labels, "yx"), "objects")
    written = write_planes(tmp_path, [image], 3)
    assert written.number == 3
    assert "was cut into 3 pieces" in written.notes[0]
    opened = open_labelled(
        written.images, written.labels, kind=written.kind, regions=written.regions
    )
    again = np.concatenate([one.image.read(())[0] for one in opened.images], axis=1)
    np.testing.assert_array_equal(again, pixels)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    empty = np.zeros((64, 200), np.uint8)
    image = Image("a", empty, "yx")
    nothing = LabelledImage(image, Image("a", empty, "yx"), "scribbles")
    with pytest.raises(UserError, match="Nothing is labelled"):
        write_planes(tmp_path, [nothing])
    with pytest.raises(UserError, match="kinds objects and scribbles"):
        write_planes(tmp_path, [nothing, LabelledImage(image, Image("a", empty, "yx"), "objects")])
    corner = empty.copy()
    corner[:4, :4] = 1
    one = LabelledImage(image, Image("a", corner, "yx"), "scribbles")
    with pytest.raises(UserError, match="Only 1 labelled"):
        write_planes(tmp_path, [one], 3)
    with pytest.raises(UserError, match="too small"):
        write_planes(tmp_path, [one], 9)


def test_only_what_was_written_here_is_cleared(tmp_path: Path) -> None:
    mine = tmp_path / "input"
    clear_planes(mine)  # nothing there
    mine.mkdir()
    (mine / "precious.tif").touch()
    assert not may_begin(tmp_path)
    with pytest.raises(UserError, match="left alone"):
        clear_planes(mine)
    assert (mine / "precious.tif").exists()
    (mine / MARK).touch()
    assert may_begin(tmp_path)
    clear_planes(mine)
    assert not mine.exists()
