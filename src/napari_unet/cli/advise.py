"""``napari-unet advise``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.advice.advised import Advised, changes, name_of
from napari_unet.cli.console import ProgressLine, note, result

if TYPE_CHECKING:
    from napari_unet.advice.choosing import Advice
    from napari_unet.advice.features import Features
    from napari_unet.advice.trial import Candidate


def run_advise(
    images: str,
    labels: str,
    *,
    max_memory: str | None,
    max_seconds: float | None,
    comparison: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Print the advice."""
    from napari_unet.advice.advising import advise
    from napari_unet.advice.limits import Limits, parse_memory

    limits = Limits(None if max_memory is None else parse_memory(max_memory), max_seconds)
    line = ProgressLine()

    def show(number: int, total: int, one: Candidate) -> None:
        line.show(f"trying {number}/{total}: {name_of(one)}", always=True)

    try:
        found = advise(
            images, labels, limits=limits, comparison=comparison, on_trial=show, **options
        )
    finally:
        line.end()
    for text in found.notes:
        note(f"Note: {text}")
    result(json.dumps(found.as_json(), indent=1) if as_json else advice_text(found))


def advice_text(found: Advised) -> str:
    """The advice for the screen."""
    best = found.choices[0]
    lines = [*_features(found.features), "", f"Tried on this machine ({found.device}):", ""]
    lines += [*_table(found), "", f"Choice: {name_of(best.candidate)}"]
    lines += [f"  {key:8} {why}" for key, why in best.why.items()]
    if best.misses:
        lines.append(f"  limits   It {best.misses}.")
    others = [one for one in found.choices[1:] if not one.misses][:3]
    if others:
        lines += ["", "Others worth a comparison:"]
        lines += [f"  {one.rank}. {name_of(one.candidate)}. {one.why['network']}" for one in others]
    return "\n".join([*lines, "", found.plainly, "", *_how_to(best)])


def _features(features: Features) -> list[str]:
    def length(value: float | None) -> str:
        return "not shown by these labels" if value is None else f"{value:.1f} pixels"

    rows = [
        ("images", f"{features.images}, median {features.size[0]} x {features.size[1]} pixels, "
                   f"{features.channels} channel(s), labels of kind {features.kind}"),
        ("foreground", f"{100 * features.foreground:.1f} % of the labelled pixels, "
                       f"{features.objects} objects in what was looked at"),
        ("objects", f"median diameter {length(features.diameter)}, nine of ten below "
                    f"{length(features.large)}; width {length(features.thickness)}"
                    if features.diameter is not None else length(None)),
        ("irregular", "-" if features.irregularity is None
                      else f"{features.irregularity:.2f} of the convex hull is missing"),
        ("blur", f"boundaries rise over {length(features.blur)}"
                 if features.blur is not None else length(None)),
        ("contrast", "-" if features.contrast is None
                     else f"{features.contrast:.1f} standard deviations across boundaries"),
        ("gaps", "no neighbours within 20 pixels" if features.gap is None
                 else f"typically {length(features.gap)} between neighbours; "
                      f"{100 * (features.crowded or 0):.0f} % of the objects within 3"),
    ]  # fmt: skip
    return [f"{name:11} {text}" for name, text in rows]


def _table(found: Advised) -> list[str]:
    from napari_unet.advice.limits import shown_memory

    rows = [["", "network", "s / step", "s / image", "memory", "limits"]]
    for one in found.choices:
        measured = one.trial.measured
        rows.append([
            f"{one.rank}.",
            name_of(one.candidate),
            f"{measured.step_seconds:.2f}" if measured else "-",
            f"{measured.image_seconds:.2f}" if measured else "-",
            shown_memory(measured.memory) if measured else "-",
            _kept(one),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _kept(one: Advice) -> str:
    if one.trial.measured is None:
        return one.misses
    parts = [word for word, sign in (("memory", "memory"), ("time", "image")) if sign in one.misses]
    return f"over: {', '.join(parts)}" if parts else "kept"


def _how_to(best: Advice) -> list[str]:
    """What to type; in Python where the command line has no options for it."""
    candidate, given = best.candidate, changes(best)
    if not given:
        return [f"napari-unet train IMAGES LABELS --out model.unet --network {candidate.network}"]
    keywords = "".join(f", {key}={value!r}" for key, value in given.items())
    return [
        "In Python:",
        f'  napari_unet.train(images, labels, network="{candidate.network}"{keywords})',
    ]
