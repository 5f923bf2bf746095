"""The files that ``napari-unet evaluate`` scores: which belong together, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import check_labels, marks_unlabelled
from napari_unet.annotations.kinds import UNLABELLED, LabelKind
from napari_unet.errors import UserError
from napari_unet.evaluation.cases import Case
from napari_unet.evaluation.metrics import Kind
from napari_unet.images.image import Image
from napari_unet.images.reading import find_files, pair, read_image, stem

OUTPUTS = ("probability", "classes", "objects", "uncertainty")


@dataclass(frozen=True)
class Files:
    """What belongs to one image."""

    prediction: Path
    truth: Path
    probability: Path | None = None
    region: Path | None = None


def find_cases(files: list[Path], truths: list[Path], kind: Kind, probable: bool) -> list[Files]:
    """Each truth with its prediction; of several outputs of one image the one of this kind."""
    kinds = {_output(file) for file in files}
    if not kinds & {kind, None} and (len(files) > 1 or not kinds & {"classes", "objects"}):
        raise UserError(
            f"{files[0]} is the output {_output(files[0])!r}, not labels of {kind}: predict with "
            f"--output {kind} too, and score that."
        )
    if len(files) == len(truths) == 1:
        return [Files(files[0], truths[0])]
    by_stem: dict[str, list[Path]] = {}
    for file in files:
        by_stem.setdefault(stem(file), []).append(file)
    chosen: list[Path] = []
    probability: dict[str, Path] = {}
    for name, same in by_stem.items():
        fitting = [file for file in same if _output(file) == kind]
        chosen += fitting or [file for file in same if _output(file) is None]
        for file in same if probable else ():
            if _output(file) == "probability":
                probability[name] = file
    return [
        Files(p, t, probability.get(stem(t)))
        for t, p in pair(truths, chosen, f"prediction ({kind})")
    ]


def with_regions(files: list[Files], regions: str | None) -> list[Files]:
    """The files with the mask of what is scored of each."""
    if regions is None:
        return files
    found = find_files(regions)
    if len(files) == len(found) == 1:
        partner = {files[0].truth: found[0]}
    else:
        partner = dict(pair([f.truth for f in files], found, "regions"))
    return [Files(f.prediction, f.truth, f.probability, partner[f.truth]) for f in files]


def _output(file: Path) -> str | None:
    """Which output a file is by its name; None where the name does not say."""
    return next((o for o in OUTPUTS if f".{o}." in f".{file.name.lower()}"), None)


def _open(path: Path, dims: int | None) -> Image:
    """Labels; a z axis is a spatial one unless ``dims`` says otherwise."""
    image = read_image(path, labels=True)
    if dims == 2 or "z" not in image.axes:
        if dims == 3:
            raise UserError(f"{path} has no z axis and cannot be scored in 3 dimensions.")
        return image
    return read_image(path, image.axes, 3, labels=True)


def _spacing(files: Files, dims: int | None) -> tuple[float, ...] | None:
    return _open(files.truth, dims).spacing or _open(files.prediction, dims).spacing


def all_say_pixel_size(files: list[Files], dims: int | None) -> bool:
    """Distances of different images can only be compared in one unit."""
    return all(_spacing(one, dims) is not None for one in files)


def read_cases(
    files: list[Files], kind: Kind, dims: int | None, physical: bool, notes: list[str]
) -> Iterator[Case]:
    """What is in the files. 255 beside the classes of one truth means not labelled in all."""
    masks = kind != "classes" or not any(
        marks_unlabelled(_whole(_open(one.truth, dims))) for one in files
    )
    for one in files:
        true = _open(one.truth, dims)
        found = _labels(_open(one.prediction, dims), one.prediction, kind, notes)
        labels = _labels(true, one.truth, kind, notes, masks)
        if found.shape != labels.shape:
            sizes = [" x ".join(map(str, a.shape)) for a in (found, labels)]
            raise UserError(
                f"{one.prediction} has the size {sizes[0]}, {one.truth} has {sizes[1]}: "
                "they must be equal."
            )
        ignore = None if one.region is None else _whole(_open(one.region, dims)) == 0
        if not masks and (ignore is None or ignore.shape == labels.shape):
            unknown = labels == UNLABELLED
            ignore = unknown if ignore is None else ignore | unknown
            labels = np.where(unknown, 0, labels)
        yield Case(
            stem(one.truth),
            found,
            labels,
            probability=None if one.probability is None else _probability(one.probability),
            ignore=ignore,
            spacing=_spacing(one, dims) if physical else None,
            dims=true.dims,
        )


def _probability(path: Path) -> npt.NDArray[Any]:
    """(class, [t,] [z,] y, x)"""
    image = read_image(path)
    planes = np.stack([image.read(index) for index in image.indices()], 1)
    return planes.reshape(len(planes), *image.leading_shape, *image.spatial_shape)


def _whole(image: Image) -> npt.NDArray[Any]:
    """([t,] [z,] y, x)"""
    array = np.stack([image.read(index)[0] for index in image.indices()])
    return array.reshape(image.leading_shape + image.spatial_shape)


def _labels(
    image: Image, path: Path, kind: LabelKind, notes: list[str], mask: bool = True
) -> npt.NDArray[Any]:
    """Labels ([t,] [z,] y, x), repaired as for training; all background is allowed."""
    array = _whole(image)
    repaired, findings = check_labels(array, kind, array.shape, mask=mask)
    for finding in findings:
        if finding.code == "empty":
            return np.zeros(array.shape, np.int32)
        if finding.level == "error":
            raise UserError(f"{path}: {finding.message}")
        if finding.code in ("mask-0-255", "binary-objects", "float-labels"):
            notes.append(f"{path.name}: {finding.message}")
    return repaired
