"""Windows in the order in which labelling them would teach the most, with the reasons why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_unet.guidance.terms import Terms
from napari_unet.images.axes import Box, Index

REASON = 0.75
"""Quantile of a term over all windows from which it is told as a reason."""
CROWDED = 0.9
"""Part of the windows that are neither background nor foreground alone from which regions by lot
taught more than advised ones in simulations (docs/inspectors/where-next.md)."""
OVERLAP = 0.2
"""Part of a window that may lie in a better one."""


@dataclass(frozen=True)
class Weights:
    """How much each term counts. Each is ranked over all windows first: 0 the least, 1 the most."""

    uncertain: float = 1.0
    unlike: float = 0.5
    rare: float = 0.5


@dataclass(frozen=True)
class Suggestion:
    """A region worth labelling: leading position, box in the plane, score 0..1, reasons."""

    index: Index
    box: Box
    score: float
    reasons: tuple[str, ...]


def draw(
    planes: Sequence[tuple[Index, Terms]], *, count: int = 10, seed: int = 0
) -> list[Suggestion]:
    """Foreground-aware random choice, the yardstick: windows drawn by their predicted foreground.

    With half the chance any window is drawn, so that what is missed altogether is not left out.
    """
    every = [(index, box) for index, terms in planes for box in terms.boxes]
    if not every:
        return []
    foreground = np.concatenate([t.foreground for _, t in planes])
    chance = foreground / max(float(foreground.sum()), 1e-9) + 1 / len(every)
    order = np.random.default_rng(seed).choice(
        len(every), len(every), replace=False, p=chance / chance.sum()
    )
    chosen: list[Suggestion] = []
    for number in order:
        index, box = every[number]
        if any(one.index == index and _overlap(one.box, box) > OVERLAP for one in chosen):
            continue
        chosen.append(Suggestion(index, box, 0.0, ("drawn by lot, foreground preferred",)))
        if len(chosen) == count:
            break
    return chosen


def is_crowded(planes: Sequence[tuple[Index, Terms]]) -> bool:
    """Whether foreground and background meet nearly everywhere, as in a tissue of small cells."""
    parts = np.array([part for _, terms in planes for part in terms.foreground])
    return bool(parts.size) and float(np.mean((parts > 0.02) & (parts < 0.98))) > CROWDED


def rank(
    terms: Terms,
    index: Index = (),
    *,
    count: int = 10,
    names: Sequence[str] = (),
    weights: Weights | None = None,
) -> list[Suggestion]:
    """The best windows of one plane. ``names``: those of the classes."""
    return rank_planes([(index, terms)], count=count, names=names, weights=weights)


def rank_planes(
    planes: Sequence[tuple[Index, Terms]],
    *,
    count: int = 10,
    names: Sequence[str] = (),
    weights: Weights | None = None,
) -> list[Suggestion]:
    """The best windows of several planes, the best first, which hardly overlap."""
    weights = weights or Weights()
    every = [(index, box) for index, terms in planes for box in terms.boxes]
    if not every:
        return []
    uncertain = np.concatenate([t.uncertain for _, t in planes])
    unlike = np.concatenate([t.unlike for _, t in planes])
    rare = np.concatenate([t.rare for _, t in planes])
    rarest = np.concatenate([t.rarest for _, t in planes])
    total = weights.uncertain + weights.unlike + weights.rare
    score = (
        weights.uncertain * _ranks(uncertain)
        + weights.unlike * _ranks(unlike)
        + weights.rare * _ranks(rare)
    ) / max(total, 1e-9)
    high = [np.quantile(v, REASON) for v in (uncertain, unlike, rare)]
    chosen: list[Suggestion] = []
    for number in np.argsort(-score, kind="stable"):
        index, box = every[number]
        if any(one.index == index and _overlap(one.box, box) > OVERLAP for one in chosen):
            continue
        reasons = []
        if weights.uncertain and uncertain[number] >= high[0] and uncertain[number] > 0.05:
            reasons.append(f"uncertain ({uncertain[number]:.0%})")
        if weights.unlike and unlike[number] >= high[1] and unlike[number] > 0.3:
            reasons.append(f"unlike anything labelled ({unlike[number]:.1f} sd)")
        if weights.rare and rare[number] >= high[2] and rare[number] > 0:
            value = int(rarest[number])
            name = names[value] if value < len(names) else f"class {value}"
            reasons.append(f"{name} is rare among the labels")
        chosen.append(Suggestion(index, box, float(score[number]), tuple(reasons)))
        if len(chosen) == count:
            break
    return chosen


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """0 for the least to 1 for the greatest; equal ones share the mean; all equal: 0."""
    unique, inverse = np.unique(values, return_inverse=True)
    return inverse / max(1, len(unique) - 1)


def _overlap(one: Box, other: Box) -> float:
    common, size = 1, 1
    for (a, b), (c, d) in zip(one, other, strict=True):
        common *= max(0, min(b, d) - max(a, c))
        size *= min(b - a, d - c)
    return common / size
