"""The metrics that can be asked for by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from napari_unet.errors import UserError
from napari_unet.evaluation import em, measures, overlap
from napari_unet.evaluation.measures import Confusion, Measure

Kind = Literal["classes", "objects"]


@dataclass(frozen=True)
class Metric:
    """One figure.

    ``about`` says in a line what it is, ``better`` in which direction; ``of`` says what is measured
    for labels of each kind that the metric exists for, ``value`` makes the figure of that.
    ``from_probability``: it needs probabilities, not only classes. ``asked``: it is computed only
    when asked for by name, because it looks at the truth to choose a threshold.
    """

    about: str
    better: Literal["higher", "lower"]
    of: Mapping[Kind, Measure] = field(repr=False)
    value: Callable[[Any], float] = field(repr=False)
    from_probability: bool = False
    asked: bool = False


_CELLS: Mapping[Kind, Measure] = {"objects": measures.cells}
_MATCHINGS: Mapping[Kind, Measure] = {"objects": measures.matchings}
_ERRORS: Mapping[Kind, Measure] = {"objects": measures.errors}
_PIXELS: Mapping[Kind, Measure] = {"classes": measures.classes, "objects": measures.foreground}
_OUTLINES: Mapping[Kind, Measure] = dict.fromkeys(_PIXELS, measures.outlines)
_DISTANCE: Mapping[Kind, Measure] = dict.fromkeys(_PIXELS, measures.distance)
_RAND: Mapping[Kind, Measure] = {
    "classes": measures.agreement_of_cells(em.v_rand, thin=False),
    "objects": measures.agreement_of_ids(em.v_rand),
}
_INFO: Mapping[Kind, Measure] = {
    "classes": measures.agreement_of_cells(em.v_info, thin=False),
    "objects": measures.agreement_of_ids(em.v_info),
}
_MEMBRANE = "class 0 = membrane"


def _classes_only(measure: Measure) -> Mapping[Kind, Measure]:
    return {"classes": measure}


def _optimal(about: str, error: Callable[..., float]) -> Metric:
    return Metric(
        f"{about} at the test-optimal of the thresholds 0.1 .. 0.9, which no method could know",
        "lower",
        _classes_only(measures.at_thresholds(error)),
        lambda m: m.lowest,
        from_probability=True,
        asked=True,
    )


def _two(confusion: Confusion) -> Any:
    return overlap.foreground(confusion.table)


METRICS: Mapping[str, Metric] = {
    "iou": Metric(
        "intersection over union of the foreground, any class but 0",
        "higher",
        _PIXELS,
        lambda m: float(overlap.iou(_two(m))[1]),
    ),
    "dice": Metric(
        "Dice coefficient of the foreground, any class but 0",
        "higher",
        _PIXELS,
        lambda m: float(overlap.dice(_two(m))[1]),
    ),
    "pixel_error": Metric(
        "part of the pixels of a wrong class",
        "lower",
        _PIXELS,
        lambda m: overlap.pixel_error(m.table),
    ),
    "volume_error": Metric(
        "|predicted - true| / true amount of foreground",
        "lower",
        _PIXELS,
        lambda m: abs(overlap.volume_difference(m.table)),
    ),
    "boundary_f": Metric(
        "F-score of outlines with a tolerance of 2 pixels", "higher", _OUTLINES, lambda m: m.f
    ),
    "hausdorff95": Metric(
        "95th percentile of the distance between outlines of the foreground, in micrometres where "
        "all files say the pixel size, else in pixels",
        "lower",
        _DISTANCE,
        lambda m: m.lowest,
    ),
    "ap50": Metric(
        "TP / (TP + FP + FN) of objects at IoU >= 0.5",
        "higher",
        _MATCHINGS,
        lambda m: m.by_threshold[0].ap,
    ),
    "ap50_95": Metric(
        "the same averaged over IoU 0.5, 0.55 .. 0.95", "higher", _MATCHINGS, lambda m: m.ap
    ),
    "f1": Metric(
        "F-score of objects at IoU >= 0.5", "higher", _MATCHINGS, lambda m: m.by_threshold[0].f1
    ),
    "pq": Metric("panoptic quality", "higher", _MATCHINGS, lambda m: m.panoptic.pq),
    "seg": Metric("SEG of the Cell Tracking Challenge", "higher", _CELLS, lambda m: m.seg),
    "det": Metric("DET of the Cell Tracking Challenge", "higher", _CELLS, lambda m: m.det),
    "splits": Metric("true objects that fell apart", "lower", _ERRORS, lambda m: float(m.split)),
    "merges": Metric(
        "predicted objects that swallowed several", "lower", _ERRORS, lambda m: float(m.merged)
    ),
    "warping_error": Metric(
        f"pixels wrong after warping (Jain 2010), {_MEMBRANE}",
        "lower",
        _classes_only(measures.warping),
        lambda m: m.lowest,
    ),
    "rand_error": Metric(
        f"1 - V^Rand, {_MEMBRANE}",
        "lower",
        _RAND,
        lambda m: 1 - m.lowest,
    ),
    "v_rand": Metric(
        f"foreground-restricted Rand F-score, {_MEMBRANE}", "higher", _RAND, lambda m: m.lowest
    ),
    "v_info": Metric(
        f"foreground-restricted information F-score, {_MEMBRANE}",
        "higher",
        _INFO,
        lambda m: m.lowest,
    ),
    "v_rand_thin": Metric(
        "V^Rand after border thinning",
        "higher",
        _classes_only(measures.agreement_of_cells(em.v_rand, thin=True)),
        lambda m: m.lowest,
    ),
    "v_info_thin": Metric(
        "V^Info after border thinning",
        "higher",
        _classes_only(measures.agreement_of_cells(em.v_info, thin=True)),
        lambda m: m.lowest,
    ),
    "ece": Metric(
        "expected calibration error of the probabilities",
        "lower",
        _classes_only(measures.calibration),
        lambda m: m.ece,
        from_probability=True,
    ),
    "warping_error_test_optimal": _optimal("warping error", em.warping_error),
    "rand_error_test_optimal": _optimal("Rand error", em.rand_error),
    "pixel_error_test_optimal": _optimal("pixel error", em.pixel_error),
    "pixel_f_error_test_optimal": _optimal("1 - F of the pixels inside cells", em.pixel_f_error),
}

BY_CLASS: Mapping[str, Callable[[Any], Any]] = {"iou": overlap.iou, "dice": overlap.dice}
"""Metrics that exist for each class too, as ``iou_<class>``."""


def known_metrics(kind: Kind) -> list[str]:
    """All names for labels of a kind, those by class as ``iou_<class>``."""
    by_class = [f"{name}_<class>" for name in BY_CLASS] if kind == "classes" else []
    return [*(name for name, metric in METRICS.items() if kind in metric.of), *by_class]


def chosen_metrics(
    names: Iterable[str] | Literal["all"], kind: Kind, *, unasked: bool = False
) -> list[str]:
    """Names of `known_metrics`, checked and in their order; also ``iou_1`` and so on.

    ``all`` are all but the test-optimal ones, or with ``unasked`` those too.

    Raises
    ------
    UserError
        A name that is none, or not one for this kind of labels.
    """
    known = known_metrics(kind)
    if names == "all":
        return [n for n in known if unasked or n not in METRICS or not METRICS[n].asked]
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        first, _, number = name.rpartition("_")
        if name in known or (kind == "classes" and first in BY_CLASS and number.isdecimal()):
            continue
        if name in METRICS:
            other = " or ".join(METRICS[name].of)
            raise UserError(f"The metric {name!r} is for labels of the kind {other}, not {kind}.")
        raise UserError(f"There is no metric {name!r}; choose from all, {', '.join(known)}.")
    return sorted(wanted, key=lambda name: known.index(name) if name in known else len(known))
