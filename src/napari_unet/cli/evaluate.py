"""``napari-unet evaluate``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.cli.console import gathered, note, result
from napari_unet.cli.evaluate_files import (
    Files,
    all_say_pixel_size,
    find_cases,
    read_cases,
    with_regions,
)
from napari_unet.errors import UserError
from napari_unet.evaluation.cases import Case
from napari_unet.evaluation.held_out import thresholds_of
from napari_unet.evaluation.metrics import METRICS, Kind, chosen_metrics
from napari_unet.evaluation.object_errors import find_errors
from napari_unet.evaluation.report import evaluate
from napari_unet.evaluation.tables import Mistake, errors_to_csv, format_table, to_csv
from napari_unet.images.reading import find_files, read_image
from napari_unet.model.provenance import now, packages


def run_evaluate(
    predictions: str,
    truth: str,
    *,
    kind: str | None,
    metrics: str,
    as_json: bool,
    csv: Path | None = None,
    regions: str | None = None,
    dims: int | None = None,
    held_out: tuple[str, str] | None = None,
    errors: Path | None = None,
) -> None:
    """Score files against files of the same stem and print the report."""
    if dims not in (None, 2, 3):
        raise UserError(f"Images are scored in 2 or 3 dimensions, not {dims}.")
    for file in (csv, errors):
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise UserError(f"{file} cannot be written: give a file in a folder that exists.")
    if csv is not None and errors is not None and csv.absolute() == errors.absolute():
        raise UserError(f"--csv and --errors would both write {csv}: give two files.")
    truths = find_files(truth)
    chosen = _kind(kind, truths)
    if errors is not None and chosen != "objects":
        raise UserError("Only mistakes of objects can be listed (--errors): add --labels objects.")
    names: Any = "all" if metrics == "all" else [m.strip() for m in metrics.split(",")]
    # A mistake shows before anything is read.
    wanted = chosen_metrics(names, chosen, unasked=held_out is not None)
    if held_out is not None:
        thresholds_of(wanted)
    probable = any(n in METRICS and METRICS[n].from_probability for n in wanted)
    files = find_cases(find_files(predictions), truths, chosen, probable)
    files = with_regions(files, regions)
    notes: list[str] = []
    physical = all_say_pixel_size(files, dims)
    mistakes: list[Mistake] = []
    cases = read_cases(files, chosen, dims, physical, notes)
    if errors is not None:
        cases = _listing(cases, mistakes)
    others = None
    if held_out is not None:
        apart = find_cases(find_files(held_out[0]), find_files(held_out[1]), chosen, True)
        _must_differ(files, apart)
        others = read_cases(apart, chosen, dims, physical, notes)
    report = evaluate(cases, chosen, names, others)
    if "hausdorff95" in report["mean"]:
        notes.append(f"hausdorff95 is in {'micrometres' if physical else 'pixels'}.")
    for name, threshold in report.get("thresholds", {}).items():
        notes.append(f"{name} is at the threshold {threshold:g}.")
    for text in gathered(notes):
        note(f"Note: {text}")
    if csv is not None:
        _write(csv, to_csv(report))
    if errors is not None:
        _write(errors, errors_to_csv(mistakes))
    if not as_json:
        result(format_table(report))
        return
    settings = {
        "predictions": predictions,
        "truth": truth,
        "labels": chosen,
        "metrics": names,
        "regions": regions,
        "dims": dims,
        "held_out": held_out,
        "unit": "micrometre" if physical else "pixel",
    }
    made = {"created": now(), "packages": packages(), "settings": settings}
    result(json.dumps(report | made, indent=1))


def _must_differ(scored: Iterable[Files], held_out: Iterable[Files]) -> None:
    same = {one.truth.resolve() for one in scored} & {one.truth.resolve() for one in held_out}
    if same:
        raise UserError(
            f"{min(same).name} is scored and held out: choose the threshold on other images."
        )


def _listing(cases: Iterable[Case], mistakes: list[Mistake]) -> Iterator[Case]:
    """The cases as they come, while the mistakes in each are written down."""
    for case in cases:
        leading = case.truth.shape[: case.truth.ndim - (case.dims or case.truth.ndim)]
        for index in np.ndindex(leading):
            ignore = None if case.ignore is None else case.ignore[index]
            found = find_errors(case.prediction[index], case.truth[index], ignore)
            mistakes += [Mistake(case.name, index, one) for one in found]
        yield case


def _write(path: Path, text: str) -> None:
    from napari_unet.project.files import atomic, disk_error

    try:
        with atomic(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise disk_error(error, str(path)) from error


def _kind(kind: str | None, truths: list[Path]) -> Kind:
    if kind == "classes":
        return "classes"
    if kind == "objects":
        return "objects"
    if kind is not None:
        raise UserError(f"Labels of kind {kind!r} cannot be scored; choose classes or objects.")
    from napari_unet.core.sources import guess_kind

    guessed, text = guess_kind([read_image(path, labels=True) for path in truths])
    note(f"Note: {text}")
    return "objects" if guessed == "objects" else "classes"
