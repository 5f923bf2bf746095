"""What the figures say, in sentences that claim no more than they show. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_unet.comparison.summary import (
    LEVEL,
    REFERENCE,
    Column,
    Row,
    Summary,
    fold_differences,
)

FEW_STEPS = 100
"""A training with fewer steps than this has hardly begun."""


def number(value: float | None, digits: int = 3) -> str:
    """``-`` for what is undefined."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:+.{digits}f}"


def p_value(p: float) -> str:
    """Three digits, or a bound for small ones."""
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def effect(value: float) -> str:
    """Cohen's d_z with the usual word for its size (Cohen 1988)."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "no spread"
    size = abs(value)
    word = "large" if size >= 0.8 else "medium" if size >= 0.5 else "small"
    return f"{value:+.2f} ({word if size >= 0.2 else 'negligible'})"


def headline(summary: Summary, *, transfer: bool = False) -> str:
    """One paragraph: how many networks differ from the reference, and which."""
    tested = [(row, column.versus) for row in summary.rows if (column := _of(row, transfer))]
    found = [(row, versus) for row, versus in tested if versus is not None]
    if not found:
        return f"No network could be tested against {REFERENCE}."
    images = max(versus.test.n for _, versus in found)
    better, worse = (
        [
            row.network + ("" if _folds_agree(row, summary, transfer) else ", not in all folds")
            for row, versus in found
            if versus.verdict == verdict
        ]
        for verdict in ("better", "worse")
    )
    unclear = len(found) - len(better) - len(worse)
    total = f"{len(found)} network{'s' * (len(found) != 1)}"
    text = (
        f"Of {total} tested against {REFERENCE} on {images} images, {_some(better, 'better')} and "
        f"{_some(worse, 'worse')}"
        + (f"; for {unclear} no difference could be shown" if unclear else "")
        + f" (paired t-test by image, level {LEVEL} after Holm's correction)."
    )
    if not better:
        text += f" These images give no reason to prefer another network to {REFERENCE}."
    return text


def sentence(row: Row, summary: Summary, *, transfer: bool = False) -> str:
    """One network against the reference, in words."""
    column = _of(row, transfer)
    if row.failed:
        return f"{row.network} could not be tested ({row.failed.rstrip('.')})."
    if column is None or column.versus is None:
        return f"{row.network} could not be tested, as {REFERENCE} has no values."
    versus = column.versus
    test = versus.test
    if versus.verdict == "untested":
        why = (
            "fewer than two images have values"
            if test.n < 2
            else f"all {test.n} images differ from {REFERENCE} by the same"
        )
        return f"{row.network} could not be tested: {why}."
    what = {
        "better": f"is significantly better than {REFERENCE}",
        "worse": f"is significantly worse than {REFERENCE}",
    }.get(versus.verdict, f"shows no significant difference to {REFERENCE}")
    p = p_value(versus.p)
    return (
        f"{row.network} {what}: mean difference in {summary.metric} {signed(test.difference)} "
        f"(95 % interval {signed(versus.interval.low)} to {signed(versus.interval.high)}), "
        f"t({test.n - 1}) = {test.t:.2f}, p {p if p.startswith('<') else '= ' + p} after Holm, "
        f"d_z = {effect(test.effect)}, n = {test.n} images; {_by_fold(row, summary, transfer)}."
    )


def _folds_agree(row: Row, summary: Summary, transfer: bool) -> bool:
    apart = fold_differences(row, summary.row(REFERENCE), summary.metric, transfer=transfer)
    return all(a > 0 for a in apart) or all(a < 0 for a in apart)


def warning(summary: Summary) -> str:
    """What must stand beside the headline; empty where nothing must."""
    steps = [run.steps for row in summary.rows if not row.failed for run in row.runs]
    if not steps or min(steps) >= FEW_STEPS:
        return ""
    return (
        f"**These networks have hardly learnt anything yet**: their trainings made "
        f"{spanned(steps)} steps. Which of them is best after so few says little about which is "
        f"best: give a larger budget."
    )


def spanned(values: Sequence[float]) -> str:
    """``7`` or ``3 to 12``."""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _by_fold(row: Row, summary: Summary, transfer: bool) -> str:
    """Whether the folds agree: each is a training of its own, and an image only a test of it."""
    apart = fold_differences(row, summary.row(REFERENCE), summary.metric, transfer=transfer)
    above = sum(a > 0 for a in apart)
    return f"above {REFERENCE} in {above} of {len(apart)} folds"


def detectable(images: int) -> float:
    """Smallest effect d_z that a single paired t-test of ``images`` finds in four of five cases.

    Normal approximation (z of 0.975 and of 0.8): 2.80 / sqrt(n).
    """
    return 2.80 / math.sqrt(images)


def _of(row: Row, transfer: bool) -> Column | None:
    return row.transfer if transfer else row.test


def _some(names: list[str], word: str) -> str:
    if not names:
        return f"none is significantly {word}"
    verb = "is" if len(names) == 1 else "are"
    return f"{len(names)} {verb} significantly {word} ({'; '.join(names)})"
