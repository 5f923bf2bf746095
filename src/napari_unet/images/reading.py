"""From a path to an :class:`Image`, and from a word on the command line to paths."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

from napari_unet.errors import UserError
from napari_unet.images import source
from napari_unet.images.axes import check_axes, guess_axes
from napari_unet.images.image import Image
from napari_unet.images.ome_zarr import is_zarr, open_zarr
from napari_unet.images.source import Source, unreadable
from napari_unet.images.tiff import open_tiff


def read_image(
    path: str | Path, axes: str | None = None, dims: int = 2, *, labels: bool = False
) -> Image:
    """An image file: TIFF (also ImageJ, OME), PNG, JPEG, BMP, .npy, zarr array or OME-Zarr group.

    ``axes`` overrules what the file says or what its shape suggests. Large TIFF and .npy files and
    all zarr arrays are read piece by piece, when :meth:`Image.read` asks for them. Axes and pixel
    size of OME and ImageJ files are kept.

    Pictures with a palette become grey or RGB; an alpha channel goes if it is opaque or the
    picture grey. With ``labels`` the numbers of the palette are kept instead, and colours that
    only repeat one channel become that channel: the image has no channel axis.

    Raises
    ------
    UserError
        The file is missing, empty, damaged or of an unknown kind; its values are no real numbers;
        ``axes`` do not fit; or labels are in colour.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"{path} does not exist.")
    if path.is_dir():
        if not is_zarr(path):
            raise UserError(f"{path} is a folder, not an image.")
        found = open_zarr(path)
    elif path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes).")
    elif path.suffix.lower() in _READERS:
        found = _READERS[path.suffix.lower()](path, labels)
    else:
        raise UserError(f"{path} is no image that can be read ({', '.join(_SUFFIXES)}).")
    try:
        axes = check_axes(axes or found.axes or guess_axes(found.data.shape), len(found.data.shape))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    sizes = [found.spacing.get(a) for a in "zyx"[-dims:]]
    spacing = tuple(s for s in sizes if s is not None)
    image = Image(
        name=stem(path),
        data=found.data,
        axes=axes,
        dims=dims,
        spacing=spacing if len(spacing) == dims else None,
        path=path,
    )
    return _without_channels(image) if labels else image


def _without_channels(image: Image) -> Image:
    if "c" not in image.axes:
        return image
    data = np.moveaxis(np.asarray(image.data[...]), image.axes.index("c"), -1)
    # An alpha channel says nothing about labels.
    colours = data[..., :3] if data.shape[-1] == 4 else data
    if (colours != colours[..., :1]).any():
        raise UserError(f"{image.path} {_no_labels(data)}.")
    axes = image.axes.replace("c", "")
    return Image(image.name, colours[..., 0], axes, image.dims, image.spacing, image.path)


def _no_labels(data: npt.NDArray[Any]) -> str:
    """What pixels whose channels, the last axis, differ are instead of labels, and what to do."""
    wanted = "labels need one whole number for each pixel"
    if data.dtype.kind == "f":
        return (
            f"holds {data.shape[-1]} channels of broken numbers, as probabilities do: {wanted}, as "
            "predict writes with --output classes or objects"
        )
    if data.shape[-1] not in (3, 4):
        return f"has {data.shape[-1]} channels: {wanted}, so save the one that holds them"
    return f"is in colour: {wanted}, so save them as a grey image"


def _picture(path: Path, labels: bool) -> Source:
    try:
        with iio.imopen(path, "r", plugin="pillow") as file:
            mode = file.metadata()["mode"]
            if labels and mode == "P":
                pixels = file.read(mode="P")
            elif mode in ("CMYK", "YCbCr", "LAB", "HSV"):
                pixels = file.read(mode="RGB")
            else:
                pixels = file.read()
    except Exception as error:  # the decoders raise almost anything on damaged files
        raise unreadable(path, "a picture", error) from error
    if pixels.ndim == 2:
        return Source(pixels, "yx")
    if mode in ("LA", "La"):
        return Source(pixels[..., 0], "yx")
    if pixels.shape[-1] == 4 and (pixels[..., 3] == 255).all():
        pixels = pixels[..., :3]
    if mode == "P" and (pixels[..., :3] == pixels[..., :1]).all():
        return Source(pixels[..., 0], "yx")
    return Source(pixels, "yxc")


def _npy(path: Path, labels: bool) -> Source:
    lazy = path.stat().st_size > source.LAZY_ABOVE
    try:
        data: npt.NDArray[Any] = np.load(path, mmap_mode="r" if lazy else None, allow_pickle=False)
    except Exception as error:  # OSError, ValueError, EOFError, SyntaxError of a damaged header
        raise unreadable(path, "a numpy array", error) from error
    return Source(data)


def _tiff(path: Path, labels: bool) -> Source:
    return open_tiff(path)


_READERS: dict[str, Callable[[Path, bool], Source]] = {
    **dict.fromkeys((".tif", ".tiff"), _tiff),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp"), _picture),
    ".npy": _npy,
}
_SUFFIXES = (*_READERS, ".zarr")


def find_files(spec: str | Path) -> list[Path]:
    """Image files that a path, a folder or a pattern with ``*`` stands for, sorted by name.

    Of a folder or pattern, files that are hidden or no images are left out; a zarr folder counts
    as one image.

    Raises
    ------
    UserError
        Nothing there, or no images among it.
    """
    if not str(spec).strip():  # as of a shell's variable that is not set; it would mean "."
        raise UserError("An empty name was given for images: write . for the present folder.")
    path = Path(spec).expanduser()
    if path.is_file() or is_zarr(path):
        return [path]
    if path.is_dir():
        candidates = list(path.iterdir())
        nothing = f"The folder {path} holds no images ({', '.join(_SUFFIXES)})."
    elif glob.has_magic(str(path)):
        candidates = [Path(p) for p in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        nothing = f"No images match {spec}."
    else:
        raise UserError(f"{path} does not exist.")
    files = sorted(p for p in candidates if not p.name.startswith(".") and _is_image(p))
    if not files:
        raise UserError(nothing)
    return files


def _is_image(path: Path) -> bool:
    return is_zarr(path) if path.is_dir() else path.suffix.lower() in _READERS


def stem(path: str | Path) -> str:
    """Name by which files belong together.

    Without extension (``.ome.tif`` counts as one) and without a final ``.probability``,
    ``.classes``, ``.objects`` or ``.uncertainty``.
    """
    name = re.sub(r"\.ome$", "", Path(path).stem, flags=re.IGNORECASE)
    return re.sub(r"\.(probability|classes|objects|uncertainty)$", "", name)


def pair(
    images: Sequence[Path], others: Sequence[Path], what: str = "labels"
) -> list[tuple[Path, Path]]:
    """Each image with the file of the same :func:`stem`; further ``others`` are left out.

    Raises
    ------
    UserError
        An image has no partner, or two files of one list have the same stem.
    """
    found = by_stem(others)
    pairs = {name: (path, found.get(name)) for name, path in by_stem(images).items()}
    missing = [path.name for path, other in pairs.values() if other is None]
    if missing:
        listed = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise UserError(
            f"No {what} for {len(missing)} of {len(pairs)} images ({listed}): "
            "they must have the same name, apart from the extension."
        )
    return [(path, other) for path, other in pairs.values() if other is not None]


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Each file by its :func:`stem`; :class:`UserError` where two have the same."""
    found: dict[str, Path] = {}
    for path in paths:
        first = found.setdefault(stem(path), path)
        if first is not path:
            raise UserError(
                f"{first} and {path} have the same name, apart from the extension: "
                "it is not clear which one is meant."
            )
    return found
