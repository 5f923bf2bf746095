"""``napari-unet check``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import typer

from napari_unet.annotations.kinds import KINDS, LabelKind
from napari_unet.cli.console import check_folder, note, result
from napari_unet.errors import UserError
from napari_unet.images.image import Image
from napari_unet.images.reading import by_stem, find_files, read_image
from napari_unet.model.file import read_header
from napari_unet.model.header import Header
from napari_unet.preflight import (
    Expected,
    Fixed,
    Issue,
    Planes,
    Together,
    fix_together,
    lint_image,
    lint_images,
    lint_labels,
    lint_together,
)
from napari_unet.preflight.pieces import with_room


@dataclass
class Checked:
    """One image, its labels as they are in the file, and what was found."""

    image: Image
    labels: npt.NDArray[Any] | None = None
    file: Path | None = None
    """Of the labels."""
    issues: list[Issue] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.leading_shape + self.image.spatial_shape


def run_check(
    images: str,
    labels: str | None,
    *,
    kind: str | None,
    model: Path | None,
    fix: Path | None,
    dry_run: bool,
    axes: str | None,
    as_json: bool,
) -> None:
    """Print what was found. Raises typer.Exit(1) when something cannot be used, and UserError."""
    if labels is None and (fix is not None or dry_run):
        raise UserError("Give the LABELS too: without them there is nothing to mend or to train.")
    if fix is not None:
        check_folder(fix, "--fix")
    header = read_header(model) if model is not None else None
    dims = header.dims if header is not None else 2
    paths = by_stem(find_files(images)).values()
    checked = [Checked(read_image(path, axes, dims)) for path in paths]
    chosen = _kind(kind)
    if labels is not None:
        _read_labels(checked, find_files(labels))
        chosen = chosen or _guessed(checked, dims)
    for one in checked:
        one.issues += lint_image(one.image, _expected(header))
    _put(checked, lint_images([one.image for one in checked]))
    if chosen is not None:
        _check_labels(checked, chosen, dims)
        if fix is not None:
            _mend(checked, chosen, dims, fix)
    errors = sum(issue.level == "error" for one in checked for issue in one.issues)
    measured = None
    if dry_run:
        if errors:
            note("Note: no dry run, for there are errors.")
        else:
            measured = _dry_run(images, str(labels), chosen, axes, dims, model)
    _print(checked, measured, as_json)
    if errors:
        raise typer.Exit(1)


def _kind(kind: str | None) -> LabelKind | None:
    if kind is None:
        return None
    for known in KINDS:
        if kind == known:
            return known
    raise UserError(f"There are no labels of kind {kind!r}; choose from {', '.join(KINDS)}.")


def _expected(header: Header | None) -> Expected | None:
    if header is None:
        return None
    known = header.normalisation
    fixed = known.method == "training"
    return Expected(
        header.in_channels,
        header.dims,
        known.low if fixed else None,
        known.high if fixed else None,
        header.spacing,
    )


def _read_labels(checked: list[Checked], paths: Sequence[Path]) -> None:
    files = by_stem(paths)
    if len(checked) == len(paths) == 1:
        files = {checked[0].image.name: paths[0]}
    for one in checked:
        path = files.pop(one.image.name, None)
        if path is None:
            text = "It has no labels: they must have the same name, apart from the extension."
            one.issues.append(Issue("warning", "no-labels", text))
            continue
        one.file = path
        try:
            one.labels = _pixels(path, one.image)
        except UserError as error:
            one.issues.append(Issue("error", "unreadable", str(error)))
    if files:
        shown = ", ".join(path.name for path in list(files.values())[:5])
        note(f"Note: {len(files)} label file(s) belong to no image ({shown}).")
    if len(files) == len(paths):
        raise UserError("No label file belongs to any of the images: they must have their names.")


def _pixels(path: Path, image: Image) -> npt.NDArray[Any]:
    """Leading + spatial where the axes allow, else as in the file; colours stand last."""
    try:
        found = read_image(path, labels=True)
    except UserError:
        found = read_image(path)  # raises again unless it was the colours
        if "c" not in found.axes:
            raise
        return np.moveaxis(np.asarray(found.data[...]), found.axes.index("c"), -1)
    data = np.asarray(found.data[...])
    wanted = "".join(a for a in "tzyx" if a in image.axes)
    if set(found.axes) == set(wanted):
        return data.transpose([found.axes.index(a) for a in wanted])
    return data


def _guessed(checked: Sequence[Checked], dims: int) -> LabelKind:
    from napari_unet.core.sources import guess_kind

    fitting = [
        Image(one.image.name, one.labels, one.image.axes.replace("c", ""), one.image.dims)
        for one in checked
        if one.labels is not None
        and one.labels.shape == one.shape
        and one.image.axes.replace("c", "") in ("yx", "zyx", "tyx", "tzyx")
    ]
    if not fitting:
        note("Note: labels were taken for classes; if that is wrong, say so with --labels.")
        return "classes"
    try:
        kind, text = guess_kind(fitting)
    except UserError as error:
        note(f"Note: {error}")
        return "classes"
    note(f"Note: {text}")
    return kind


def _check_labels(checked: Sequence[Checked], kind: LabelKind, dims: int) -> None:
    every = Together.of((one.labels, one.shape) for one in checked if one.labels is not None)
    planes = []
    for one in checked:
        if one.labels is None:
            continue
        one.issues += lint_labels(
            one.labels,
            kind,
            one.shape,
            dims=dims,
            complete=True,
            elsewhere=every.values,
            mask=every.mask,
        )
        if one.labels.shape == one.shape:
            pixels = one.image.data[...] if _small(one.image) else None
            planes.append(Planes.of(one.image.name, one.labels, dims, pixels))
    _put(checked, lint_together(planes, kind))


def _small(image: Image) -> bool:
    return bool(np.prod(image.data.shape, dtype=float) * image.data.dtype.itemsize < 2**28)


def _put(checked: Sequence[Checked], found: Sequence[tuple[str, Issue]]) -> None:
    by_name = {one.image.name: one for one in checked}
    for name, issue in found:
        by_name[name].issues.append(issue)


def _mend(checked: Sequence[Checked], kind: LabelKind, dims: int, folder: Path) -> None:
    import tifffile

    from napari_unet.project.files import disk_error

    _keep_given(checked, folder)
    kinds = set()
    names = [one.image.name for one in checked if one.labels is not None]
    given = [(one.labels, one.shape) for one in checked if one.labels is not None]
    for name, (before, _), mended in zip(
        names, given, fix_together(given, kind, dims=dims), strict=True
    ):
        fixed, path = mended.state, folder / f"{name}.tif"
        if not mended.usable:
            note(f"{path.name}: not written, for these labels cannot be mended by itself.")
            continue
        kinds.add(fixed.kind)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written = _as_written(fixed)
            tifffile.imwrite(path, written, compression="zlib")
        except OSError as error:
            raise disk_error(error, str(path)) from error
        if before.max() > np.iinfo(np.int32).max >= written.max():
            note(f"{path.name}: The ids were too large for 32 bits: numbered anew from 1")
        for issue in mended.done:
            note(f"{path.name}: {issue.fix.label if issue.fix else ''} ({issue.code})")
    if kinds:
        note(f"Mended labels are in {folder}; train with --labels {' or '.join(sorted(kinds))}.")


def _as_written(fixed: Fixed) -> npt.NDArray[Any]:
    """uint8, or int32 for ids; numbers of which there are too many classes stay as they are."""
    if fixed.kind == "objects":
        return with_room(fixed.labels)
    fits = int(fixed.labels.max(initial=0)) <= 255
    return fixed.labels.astype(np.uint8) if fits else fixed.labels


def _keep_given(checked: Sequence[Checked], folder: Path) -> None:
    """:class:`UserError`, before anything is written, where mended labels would take the place of
    an image or of labels that were given."""
    images = {one.image.path.resolve() for one in checked if one.image.path is not None}
    labels = {one.file.resolve() for one in checked if one.file is not None}
    for one in checked:
        path = folder / f"{one.image.name}.tif"
        for given, what in ((images, "an image"), (labels, "a label file")):
            if one.labels is not None and path.resolve() in given:
                raise UserError(f"{path} is {what} that you gave: give --fix another folder.")


def _dry_run(
    images: str,
    labels: str,
    kind: LabelKind | None,
    axes: str | None,
    dims: int,
    model: Path | None,
) -> dict[str, Any]:
    """What a training costs here: of the model's own network where one was given."""
    from napari_unet.core import open_labelled
    from napari_unet.core.dry_run import measure

    opened = open_labelled(images, labels, kind=kind, axes=axes, dims=dims)
    *_, last = measure(opened.images, start=model or "auto")
    return last.to_json()


def _print(checked: Sequence[Checked], measured: dict[str, Any] | None, as_json: bool) -> None:
    levels = [issue.level for one in checked for issue in one.issues]
    if as_json:
        listed = [
            {"name": one.image.name, "issues": [issue.to_json() for issue in one.issues]}
            for one in checked
        ]
        counts = {f"{level}s": levels.count(level) for level in ("error", "warning", "note")}
        result(json.dumps({"images": listed, **counts, "dry_run": measured}, indent=1))
        return
    for one in checked:
        for issue in one.issues:
            mend = f" [--fix: {issue.fix.label}]" if issue.fix is not None else ""
            result(f"{one.image.name}: {issue.level}: {issue.message}{mend}")
    if measured is not None:
        result(measured["text"])
    if not levels:
        result(f"{len(checked)} image(s): nothing is wrong.")
