"""What the user hands over (paths, arrays, images) as labelled images. Free of torch.

Nothing is guessed silently: what was decided on the way is told in ``notes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from skimage import measure

from napari_unet.annotations.kinds import KINDS, LabelKind
from napari_unet.errors import UserError
from napari_unet.images.axes import guess_axes
from napari_unet.images.image import ArrayLike, Image
from napari_unet.images.reading import find_files, pair, read_image, stem
from napari_unet.training.data import LabelledImage

Source = str | Path | Image | ArrayLike
Sources = Source | Sequence[Source]
"""A path (file, folder or pattern), an array, an :class:`Image`, or a list of them."""

MOST_CLASSES = 20
"""Labels with more different values than this are taken for object ids."""
LOOKED_AT = 16
"""Planes of labels, at most, that are read to find out what kind they are."""


@dataclass(frozen=True)
class Labelled:
    """Images with labels, and what was noticed on the way."""

    images: tuple[LabelledImage, ...]
    notes: tuple[str, ...]

    @property
    def kind(self) -> LabelKind:
        return self.images[0].kind


def open_images(
    sources: Sources,
    *,
    axes: str | None = None,
    dims: int = 2,
    spacing: tuple[float, ...] | None = None,
) -> list[Image]:
    """The images, each with a name of its own; arrays are called ``image 1``, ``image 2``...

    ``axes`` and ``spacing`` (by spatial axis) overrule what files say; without ``axes`` those of
    arrays follow from their shape.

    Raises
    ------
    UserError
        Nothing there, no image, or two images of one name.
    """
    images: list[Image] = []
    for source in _listed(sources):
        if isinstance(source, str | Path):
            images += [read_image(path, axes, dims) for path in find_files(source)]
        else:
            images.append(_image(source, axes, dims, f"image {len(images) + 1}"))
    if not images:
        raise UserError("There are no images: give at least one.")
    if spacing is not None:
        images = [replace(image, spacing=spacing) for image in images]
    names: set[str] = set()
    for image in images:
        if image.name in names:
            raise UserError(f"Two images are called {image.name}: give them different names.")
        names.add(image.name)
    return images


def open_labelled(
    images: Sources,
    labels: Sources,
    *,
    kind: str | None = None,
    regions: Sources | None = None,
    axes: str | None = None,
    dims: int = 2,
    spacing: tuple[float, ...] | None = None,
) -> Labelled:
    """Images with their labels and, where given, the regions (non-zero = fully annotated).

    Files belong together by their stem, except that one image file goes with one label file
    whatever they are called. Without ``regions`` labels of the kinds ``classes`` and ``objects``
    are complete: 0 is background everywhere. With them 0 is background only inside, and an image
    without a region file has none. ``kind`` None: see :func:`guess_kind`.

    Raises
    ------
    UserError
        Something is missing, cannot be read, or the sizes differ.
    """
    opened = open_images(images, axes=axes, dims=dims, spacing=spacing)
    found = _beside(opened, labels, "labels")
    notes = []
    if kind is None:
        kind, note = guess_kind([label for label in found if label is not None])
        notes.append(note)
    checked = check_kind(kind)
    inside: list[Image | None] = [None] * len(opened)
    if regions is not None:
        inside = _beside(opened, regions, "regions", optional=True)
        without = [i.name for i, region in zip(opened, inside, strict=True) if region is None]
        if without:
            notes.append(
                f"No regions for {len(without)} of {len(opened)} images ({without[0]}"
                f"{', ...' if len(without) > 1 else ''}): what is 0 there counts as not labelled."
            )
    labelled = [
        LabelledImage(
            image,
            label,
            checked,
            complete=checked != "scribbles" and regions is None,
            regions=region,
        )
        for image, label, region in zip(opened, found, inside, strict=True)
        if label is not None
    ]
    return Labelled(tuple(labelled), tuple(notes))


def check_kind(kind: str) -> LabelKind:
    """``kind`` if there is such a kind of labels, else :class:`UserError`."""
    for known in KINDS:
        if kind == known:
            return known
    raise UserError(f"There are no labels of kind {kind!r}; choose from {', '.join(KINDS)}.")


def guess_kind(labels: Sequence[Image]) -> tuple[LabelKind, str]:
    """The kind that labels seem to be of, and a note that says so. Never ``scribbles``.

    ``objects``: more than 20 values other than 0, or at least three that are nearly always one
    connected region each. Else ``classes``.

    :class:`UserError` for what looks like an image: many values in many more pieces.
    """
    values: set[int] = set()
    present = pieces = 0
    for label in labels:
        for index in list(label.indices())[: max(1, LOOKED_AT // len(labels))]:
            plane = label.read(index)[0]
            found = np.unique(plane[plane != 0])
            values.update(found.tolist())
            if plane.dtype.kind == "f":
                continue  # refused, or taken as whole numbers, when it is checked
            present += len(found)
            pieces += int(measure.label(plane, background=0, connectivity=1).max())
    many = len(values) > MOST_CLASSES
    if many and pieces > 10 * present:
        raise UserError(
            f"The labels {labels[0].path or labels[0].name} hold {len(values)} different values in "
            f"{pieces} pieces, which looks like an image; give labels, or say what kind they are: "
            f"{', '.join(KINDS)}."
        )
    one_by_one = len(values) >= 3 and 255 not in values and pieces <= 1.1 * present
    kind: LabelKind = "objects" if many or one_by_one else "classes"
    return kind, (
        f"The labels were taken for {kind}: 0 is background, "
        + ("every other number is one object" if kind == "objects" else "others are classes")
        + ". If they are something else, say so with the label kind (--labels on the command "
        "line): scribbles (0 = not labelled, 1 = background, 2.. = classes), classes or objects."
    )


def _listed(sources: Sources) -> list[Source]:
    if _is_one(sources):
        return [sources]
    return list(sources)  # type: ignore[arg-type]


def _is_one(sources: Any) -> TypeGuard[Source]:
    return isinstance(sources, str | Path | Image) or hasattr(sources, "dtype")


def _image(source: Image | ArrayLike, axes: str | None, dims: int, name: str) -> Image:
    if isinstance(source, Image):
        return source
    if not hasattr(source, "shape"):
        raise UserError(f"{name} is a {type(source).__name__}; give arrays, images or paths.")
    return Image(name, source, axes or guess_axes(source.shape), dims)


def _beside(
    images: Sequence[Image], sources: Sources, what: str, *, optional: bool = False
) -> list[Image | None]:
    """Labels (or regions) of the same size as the images; None for missing ones if ``optional``."""
    if isinstance(sources, str | Path):
        paths = _paired(images, find_files(sources), what, optional)
        return [
            None if path is None else _fitting(image, read_image(path, labels=True), what)
            for image, path in zip(images, paths, strict=True)
        ]
    listed = _listed(sources)
    if len(listed) != len(images):
        raise UserError(
            f"There are {len(images)} images but {len(listed)} {what}: give one for each image."
        )
    found: list[Image | None] = []
    for image, source in zip(images, listed, strict=True):
        if isinstance(source, str | Path):
            opened = read_image(source, labels=True)
        else:
            opened = _image(source, None, 2, f"{what} of {image.name}")
        found.append(_fitting(image, opened, what))
    return found


def _paired(
    images: Sequence[Image], files: list[Path], what: str, optional: bool
) -> list[Path | None]:
    paths = [image.path for image in images if image.path is not None]
    if len(images) == len(files) == 1:
        return [files[0]]
    if len(paths) < len(images):
        raise UserError(
            f"The images have no files whose names could be found among the {what} {files[0]}, "
            f"...: give the {what} as a list in the order of the images."
        )
    if not optional:
        partner = dict(pair(paths, files, what))
        return [partner[path] for path in paths]
    return [_partner(path, files, what) for path in paths]


def _partner(path: Path, files: list[Path], what: str) -> Path | None:
    same = [file for file in files if stem(file) == stem(path)]
    return pair([path], same, what)[0][1] if same else None


def _fitting(image: Image, labels: Image, what: str) -> Image:
    """The labels with the axes of the image, if they have its size."""
    axes = image.axes.replace("c", "")
    wanted = tuple(n for a, n in zip(image.axes, image.data.shape, strict=True) if a != "c")
    if tuple(labels.data.shape) == wanted:
        return Image(image.name, labels.data, axes, image.dims, path=labels.path)
    if set(labels.axes) == set(axes) and _canonical(labels) == _canonical(image):
        return replace(labels, name=image.name, dims=image.dims, spacing=None)
    raise UserError(
        f"The {what} {labels.path or ''} have the size {_size(labels.data.shape)}, but "
        f"{image.name} has {_size(wanted)}: they must be equal.".replace("  ", " ")
    )


def _canonical(image: Image) -> tuple[int, ...]:
    return image.leading_shape + image.spatial_shape


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
