"""``napari-unet evaluate``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.annotations.checks import check_labels
from napari_unet.annotations.kinds import LabelKind
from napari_unet.cli.console import gathered, note, result
from napari_unet.errors import UserError
from napari_unet.evaluation.report import evaluate
from napari_unet.evaluation.tables import format_table
from napari_unet.images.reading import find_files, pair, read_image, stem

OUTPUTS = ("probability", "classes", "objects", "uncertainty")


def run_evaluate(
    predictions: str, truth: str, *, kind: str | None, metrics: str, as_json: bool
) -> None:
    """Score files against files of the same stem and print the report."""
    truths = find_files(truth)
    chosen = _kind(kind, truths)
    pairs = _pairs(find_files(predictions), truths, chosen)
    wanted: Any = "all" if metrics == "all" else [m.strip() for m in metrics.split(",")]
    notes: list[str] = []
    report = evaluate(_read(pairs, chosen, notes), chosen, wanted)
    for text in gathered(notes):
        note(f"Note: {text}")
    result(json.dumps(report, indent=1) if as_json else format_table(report))


def _kind(kind: str | None, truths: list[Path]) -> LabelKind:
    if kind == "classes":
        return "classes"
    if kind == "objects":
        return "objects"
    if kind is not None:
        raise UserError(f"Labels of kind {kind!r} cannot be scored; choose classes or objects.")
    from napari_unet.core.sources import guess_kind

    guessed, text = guess_kind([read_image(path, labels=True) for path in truths])
    note(f"Note: {text}")
    return guessed


def _pairs(files: list[Path], truths: list[Path], kind: LabelKind) -> list[tuple[Path, Path]]:
    """Each truth with its prediction; of several outputs of one image the one of this kind."""
    if len(files) == len(truths) == 1:
        return [(files[0], truths[0])]
    by_stem: dict[str, list[Path]] = {}
    for file in files:
        by_stem.setdefault(stem(file), []).append(file)
    chosen = []
    for same in by_stem.values():
        fitting = [file for file in same if _output(file) == kind]
        chosen += fitting or [file for file in same if _output(file) is None]
    return [(p, t) for t, p in pair(truths, chosen, f"prediction ({kind})")]


def _output(file: Path) -> str | None:
    """Which output a file is by its name; None where the name does not say."""
    return next((o for o in OUTPUTS if f".{o}." in f".{file.name.lower()}"), None)


def _read(
    pairs: list[tuple[Path, Path]], kind: LabelKind, notes: list[str]
) -> Iterator[tuple[str, npt.NDArray[Any], npt.NDArray[Any]]]:
    for prediction, truth in pairs:
        arrays = [_labels(path, kind, notes) for path in (prediction, truth)]
        if arrays[0].shape != arrays[1].shape:
            sizes = [" x ".join(map(str, a.shape)) for a in arrays]
            raise UserError(
                f"{prediction} has the size {sizes[0]}, {truth} has {sizes[1]}: they must be equal."
            )
        yield stem(truth), arrays[0], arrays[1]


def _labels(path: Path, kind: LabelKind, notes: list[str]) -> npt.NDArray[Any]:
    """Labels of a file ([t,] [z,] y, x), repaired as for training; all background is allowed."""
    image = read_image(path, labels=True)
    array = np.stack([image.read(index)[0] for index in image.indices()])
    array = array.reshape(image.leading_shape + image.spatial_shape)
    repaired, findings = check_labels(array, kind, array.shape)
    for finding in findings:
        if finding.code == "empty":
            return np.zeros(array.shape, np.int32)
        if finding.level == "error":
            raise UserError(f"{path}: {finding.message}")
        if finding.code in ("mask-0-255", "binary-objects", "float-labels"):
            notes.append(f"{path.name}: {finding.message}")
    return repaired
