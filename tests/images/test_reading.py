from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_unet.errors import UserError
from napari_unet.images import source
from napari_unet.images.reading import find_files, pair, read_image, stem

GREY = np.random.default_rng(0).integers(0, 255, (20, 30), np.uint8)
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


# ------------------------------------------------------------------ pictures


@pytest.mark.parametrize(
    "array", [GREY, RGB, GREY.astype(np.uint16) * 200, GREY > 100], ids=["u8", "rgb", "u16", "bit"]
)
def test_png(tmp_path: Path, array: np.ndarray) -> None:
    iio.imwrite(tmp_path / "a.png", array)
    image = read_image(tmp_path / "a.png")
    assert (image.name, image.path, image.spacing) == ("a", tmp_path / "a.png", None)
    pixels = image.read()
    expected = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_and_capital_suffix(tmp_path: Path, mode: str) -> None:
    smooth = np.linspace(0, 200, 600).reshape(20, 30).astype(np.uint8)
    Picture.fromarray(smooth).convert("RGB").convert(mode).save(tmp_path / "a.JPG", quality=98)
    pixels = read_image(tmp_path / "a.JPG").read()
    assert pixels.shape == (1 if mode == "L" else 3, 20, 30)
    assert np.abs(pixels[0].astype(int) - smooth).max() < 12


def test_alpha(tmp_path: Path) -> None:
    opaque = np.dstack([RGB, np.full((20, 30), 255, np.uint8)])
    Picture.fromarray(opaque).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "opaque.png").read(), np.moveaxis(RGB, -1, 0)
    )
    Picture.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "partly.png")
    assert read_image(tmp_path / "partly.png").channels == 4
    Picture.fromarray(np.dstack([GREY, RGB[..., 1]])).save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png").read()[0], GREY)


def palette_picture(path: Path, indices: np.ndarray, colours: list[int]) -> None:
    picture = Picture.fromarray(indices).convert("L")
    picture.putpalette(colours)
    picture.save(path)


def test_palette_is_colour_in_an_image_and_numbers_in_labels(tmp_path: Path) -> None:
    indices = GREY // 90
    palette_picture(tmp_path / "a.png", indices, [0, 0, 0, 200, 0, 0, 0, 100, 0])
    pixels = read_image(tmp_path / "a.png").read()
    np.testing.assert_array_equal(pixels[0], np.where(indices == 1, 200, 0))
    np.testing.assert_array_equal(pixels[1], np.where(indices == 2, 100, 0))
    labels = read_image(tmp_path / "a.png", labels=True)
    assert labels.axes == "yx"
    np.testing.assert_array_equal(labels.read()[0], indices)


def test_palette_of_greys_is_a_grey_image(tmp_path: Path) -> None:
    palette_picture(tmp_path / "a.png", GREY // 90, [5] * 3 + [50] * 3 + [250] * 3)
    pixels = read_image(tmp_path / "a.png").read()
    np.testing.assert_array_equal(pixels[0], np.array([5, 50, 250])[GREY // 90])


def test_labels_in_grey_colours_lose_the_channel_and_real_colours_are_refused(
    tmp_path: Path,
) -> None:
    iio.imwrite(tmp_path / "grey.png", np.dstack([GREY] * 3))
    labels = read_image(tmp_path / "grey.png", labels=True)
    assert labels.axes == "yx"
    np.testing.assert_array_equal(labels.read()[0], GREY)
    iio.imwrite(tmp_path / "colour.png", RGB)
    two = np.stack([np.eye(8), np.ones((8, 8))]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "two.tif", two, ome=True, metadata={"axes": "CYX"})
    with pytest.raises(UserError, match=r"two\.tif has 2 channels: labels need one whole number"):
        read_image(tmp_path / "two.tif", labels=True)
    with pytest.raises(UserError, match=r"colour\.png is in colour"):
        read_image(tmp_path / "colour.png", labels=True)


# ------------------------------------------------------------------ numpy


def test_npy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).normal(size=(3, 20, 30)).astype(">f4")
    np.save(tmp_path / "a.npy", array)
    image = read_image(tmp_path / "a.npy")
    assert image.axes == "zyx"
    assert not isinstance(image.data, np.memmap)
    monkeypatch.setattr(source, "LAZY_ABOVE", 100)
    mapped = read_image(tmp_path / "a.npy", axes="CYX")
    assert isinstance(mapped.data, np.memmap)
    assert (mapped.axes, mapped.channels) == ("cyx", 3)
    np.testing.assert_array_equal(mapped.read((), ((2, 9), (0, 4))), array[:, 2:9, :4])


def test_npy_never_unpickles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UserError, match=r"a\.npy cannot be read as a numpy array"):
        read_image(tmp_path / "a.npy")


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".jpg", ".bmp", ".npy"])
@pytest.mark.parametrize("content", [b"This is text, no image.\n" * 20, b"\x00" * 500, b"II*\x00"])
def test_text_with_the_suffix_of_an_image(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, RGB)
    else:
        iio.imwrite(path, RGB)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="damaged"):
        read_image(path)


def test_missing_empty_unknown_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.tif does not exist\.$"):
        read_image(tmp_path / "no.tif")
    (tmp_path / "a.tif").touch()
    with pytest.raises(UserError, match=r"a\.tif is empty"):
        read_image(tmp_path / "a.tif")
    (tmp_path / "a.docx").write_text("text")
    with pytest.raises(UserError, match=r"a\.docx is no image that can be read"):
        read_image(tmp_path / "a.docx")
    with pytest.raises(UserError, match="is a folder, not an image"):
        read_image(tmp_path)


def test_what_numpy_reads_but_is_no_image(tmp_path: Path) -> None:
    for name, array, reason in [
        ("complex", np.zeros((4, 4), complex), "complex: holds values of type complex128|complex "),
        ("text", np.full((4, 4), "a"), "only real numbers"),
        ("line", np.zeros(5), "2 to 5 dimensions"),
        ("none", np.zeros((0, 4)), "no pixels"),
    ]:
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(UserError, match=reason) as caught:
            read_image(tmp_path / f"{name}.npy")
        assert name in str(caught.value)


def test_axes_that_do_not_fit_name_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", GREY)
    with pytest.raises(UserError, match=r"a\.npy: The axes 'zyx' name 3 dimensions"):
        read_image(tmp_path / "a.npy", axes="zyx")


# ------------------------------------------------------------------ finding and pairing


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_find_files(tmp_path: Path) -> None:
    touch(tmp_path, "b.tif", "a.PNG", "c.npy", "notes.txt", ".hidden.png", "._a.png", "[1].png")
    touch(tmp_path / "s.zarr", ".zarray")
    touch(tmp_path / "deeper", "d.tif")

    def names(spec: str | Path) -> list[str]:
        return [p.name for p in find_files(spec)]

    assert names(tmp_path) == ["[1].png", "a.PNG", "b.tif", "c.npy", "s.zarr"]
    assert names(str(tmp_path / "*.[nt]*")) == ["b.tif", "c.npy"]
    assert names(tmp_path / "[1].png") == ["[1].png"]
    assert names(tmp_path / "s.zarr") == ["s.zarr"]
    assert names(tmp_path / "**" / "*.tif") == ["b.tif", "d.tif"]
    with pytest.raises(UserError, match=r"No images match .*\*\.jpg"):
        find_files(tmp_path / "*.jpg")
    with pytest.raises(UserError, match="does not exist"):
        find_files(tmp_path / "gone")
    touch(tmp_path / "empty", "notes.txt")
    with pytest.raises(UserError, match="empty holds no images"):
        find_files(tmp_path / "empty")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/00.png", "00"),
        ("a.b.tif", "a.b"),
        ("a.ome.tif", "a"),
        ("a.OME.TIFF", "a"),
        ("a.ome.zarr", "a"),
        ("a.probability.tif", "a"),
        ("a.classes.tif", "a"),
        ("a.objects.ome.tif", "a"),
        ("a.uncertainty.zarr", "a"),
        ("a.v2.objects.tif", "a.v2"),
        ("objects.tif", "objects"),
    ],
)
def test_stem(path: str, name: str) -> None:
    assert stem(path) == name


def test_pair() -> None:
    images = [Path("i/a.tif"), Path("i/b.png")]
    labels = [Path("l/b.objects.tif"), Path("l/c.tif"), Path("l/a.png")]
    assert pair(images, labels) == [
        (Path("i/a.tif"), Path("l/a.png")),
        (Path("i/b.png"), Path("l/b.objects.tif")),
    ]
    with pytest.raises(UserError, match=r"No truth for 1 of 2 images \(b\.png\)"):
        pair(images, labels[2:], what="truth")
    with pytest.raises(UserError, match="have the same name"):
        pair(images, [*labels, Path("l/a.classes.tif")])
