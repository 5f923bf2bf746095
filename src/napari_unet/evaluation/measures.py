"""What metrics are computed from. Everything measured can be added up: over the frames of a stack
and over images, so that "pooled" means the same for every metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.evaluation import em, overlap
from napari_unet.evaluation.boundary import BoundaryMatch, boundary_match, hausdorff
from napari_unet.evaluation.calibration import BINS, Reliability, reliability
from napari_unet.evaluation.ctc import CellScores, cell_scores
from napari_unet.evaluation.matching import AP_THRESHOLDS, Matching, measure_overlaps
from napari_unet.evaluation.object_errors import ErrorCounts, count_errors

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Frame:
    """What is scored at a time: a plane (y, x) or a volume (z, y, x).

    ``prediction`` and ``truth`` hold class indices or ids; ``ignore`` is True where pixels do not
    count, and there the truth is 0. ``probability`` is (class, *spatial), ``spacing`` by axis.
    """

    prediction: Array
    truth: Array
    ignore: npt.NDArray[np.bool_]
    probability: Array | None = None
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixels by class of truth and prediction, see `overlap.confusion`."""

    table: npt.NDArray[np.int64]

    def __add__(self, other: Confusion) -> Confusion:
        size = max(len(self.table), len(other.table))
        return Confusion(self.padded(size) + other.padded(size))

    def padded(self, size: int) -> npt.NDArray[np.int64]:
        """The table for ``size`` classes, or all that there are."""
        return np.pad(self.table, (0, max(size - len(self.table), 0)))


@dataclass(frozen=True, eq=False)
class Mean:
    """A mean over frames, for what has no sums of its own; frames without a value are left out.

    ``totals`` is of one value, or of one for each threshold.
    """

    totals: npt.NDArray[np.float64]
    count: int

    @classmethod
    def of(cls, *values: float) -> Mean:
        array = np.array(values, np.float64)
        return cls(np.zeros(len(array)), 0) if np.isnan(array).any() else cls(array, 1)

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.totals + other.totals, self.count + other.count)

    @property
    def lowest(self) -> float:
        """The mean, or the lowest of the means; nan without any value."""
        return float(self.totals.min()) / self.count if self.count else float("nan")

    def at(self, number: int) -> float:
        """The mean at the threshold of this number; nan without any value."""
        return float(self.totals[number]) / self.count if self.count else float("nan")


@dataclass(frozen=True)
class Matchings:
    """The matching at each of `AP_THRESHOLDS`, and that of panoptic quality."""

    by_threshold: tuple[Matching, ...]
    panoptic: Matching

    def __add__(self, other: Matchings) -> Matchings:
        pairs = zip(self.by_threshold, other.by_threshold, strict=True)
        return Matchings(tuple(a + b for a, b in pairs), self.panoptic + other.panoptic)

    @property
    def ap(self) -> float:
        """Mean of AP over the thresholds; nan without any objects."""
        return float(np.mean([m.ap for m in self.by_threshold]))


Sums = Confusion | Mean | Matchings | BoundaryMatch | Reliability | CellScores | ErrorCounts
Measure = Callable[[Frame], Sums]


def classes(frame: Frame) -> Confusion:
    """Pixels by class."""
    truth, prediction = frame.truth[~frame.ignore], frame.prediction[~frame.ignore]
    number = max(2, 1 + int(max(truth.max(initial=0), prediction.max(initial=0))))
    return Confusion(overlap.confusion(prediction, truth, number))


def foreground(frame: Frame) -> Confusion:
    """Pixels of any object against background."""
    truth, prediction = frame.truth[~frame.ignore], frame.prediction[~frame.ignore]
    return Confusion(overlap.confusion(prediction != 0, truth != 0, 2))


def outlines(frame: Frame) -> BoundaryMatch:
    """Outlines, with the usual tolerance in pixels."""
    return boundary_match(frame.prediction, frame.truth, ignore=frame.ignore)


def distance(frame: Frame) -> Mean:
    """Hausdorff 95 of the foreground."""
    masks = (frame.prediction != 0, frame.truth != 0)
    return Mean.of(hausdorff(*masks, frame.spacing, 95, frame.ignore))


def matchings(frame: Frame) -> Matchings:
    """Objects matched at every threshold."""
    found = measure_overlaps(frame.prediction, frame.truth, frame.ignore)
    by_threshold = tuple(found.matching(threshold) for threshold in AP_THRESHOLDS)
    return Matchings(by_threshold, found.matching(0.5, strict=True))


def errors(frame: Frame) -> ErrorCounts:
    """Mistakes of objects by kind."""
    return count_errors(frame.prediction, frame.truth, frame.ignore)


def cells(frame: Frame) -> CellScores:
    """What SEG and DET need."""
    return cell_scores(frame.prediction, frame.truth, frame.ignore)


def calibration(frame: Frame) -> Reliability:
    """Confidence against accuracy; no pixels without probabilities."""
    if frame.probability is None:
        return Reliability(*np.zeros((3, BINS)))
    return reliability(frame.probability, frame.truth, ignore=frame.ignore)


def warping(frame: Frame) -> Mean:
    """Warping error of the classes: cells are any class but 0."""
    return _over_planes(
        frame, lambda f: Mean.of(em.warping_error(f.prediction != 0, f.truth, ignore=f.ignore))
    )


def agreement_of_cells(score: Callable[..., em.Agreement], *, thin: bool) -> Measure:
    """`v_rand` or `v_info` of the connected parts of all classes but 0, by plane."""

    def of(frame: Frame) -> Mean:
        mask = frame.prediction != 0
        return Mean.of(em.by_section(score, mask, frame.truth, thin=thin, ignore=frame.ignore).f)

    return lambda frame: _over_planes(frame, of)


def agreement_of_ids(score: Callable[..., em.Agreement]) -> Measure:
    """`v_rand` or `v_info` of ids as they are."""
    return lambda f: Mean.of(score(f.prediction, f.truth, f.ignore).f)


def at_thresholds(error: Callable[..., float]) -> Measure:
    """An error at each of `em.THRESHOLDS` of the probability of any class but 0, by plane."""

    def of(frame: Frame) -> Mean:
        if frame.probability is None:
            return Mean(np.zeros(len(em.THRESHOLDS)), 0)
        cell = 1 - frame.probability[0]
        return Mean.of(*(error(cell, frame.truth, t, ignore=frame.ignore) for t in em.THRESHOLDS))

    return lambda frame: _over_planes(frame, of)


def _over_planes(frame: Frame, measure: Callable[[Frame], Mean]) -> Mean:
    """Scores of electron microscopy are means over sections, also of a volume."""
    if frame.truth.ndim == 2:
        return measure(frame)
    planes = (
        Frame(
            frame.prediction[z],
            frame.truth[z],
            frame.ignore[z],
            None if frame.probability is None else frame.probability[:, z],
        )
        for z in range(len(frame.truth))
    )
    first, *rest = map(measure, planes)
    return sum(rest, first)
