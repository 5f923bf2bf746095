"""From the results of the runs to a row for each network, with its tests. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any, Literal

import numpy as np

from napari_unet.comparison.records import RunResult, Scored, Settings
from napari_unet.evaluation.metrics import METRICS
from napari_unet.evaluation.statistics import (
    Interval,
    PairedTest,
    bootstrap_interval,
    holm,
    paired_t_test,
)
from napari_unet.evaluation.uscore import FEWEST, Cost, Scale, relative_scale, u_score

REFERENCE = "unet"
LEVEL = 0.05
"""Significance level, after Holm's correction."""

Verdict = Literal["reference", "better", "worse", "none", "untested"]


@dataclass(frozen=True)
class Versus:
    """A network against the reference on the same images; ``difference`` is network - reference.

    ``p`` is two-sided and corrected after Holm for all networks of the table; ``interval`` is the
    95 % bootstrap interval of the mean difference.
    """

    test: PairedTest
    p: float
    interval: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Column:
    """Values of one metric of one network on one set of images, by name of the image.

    None where the metric is undefined for any network of the table: IoU, say, where neither truth
    nor prediction holds the class. A mean over other images for each network would compare nothing.
    """

    values: dict[str, float | None]
    mean: float
    interval: Interval
    versus: Versus | None = None
    left_out: tuple[str, ...] = ()
    """Images that count for no network of the table, for want of a value of some network."""


@dataclass(frozen=True)
class Row:
    """One network. ``failed`` is a sentence where any of its folds failed: it is not tested then.

    Frames per second, steps and seconds per image are medians over its runs.
    """

    network: str
    test: Column
    transfer: Column | None
    failed: str = ""
    runs: tuple[RunResult, ...] = ()
    fps: float = 0.0
    steps: float = 0.0
    seconds_per_image: float = 0.0
    u_score: float | None = None

    @property
    def parameters(self) -> int:
        return self.runs[0].parameters if self.runs else 0

    @property
    def macs(self) -> int:
        return self.runs[0].macs if self.runs else 0


@dataclass(frozen=True)
class Summary:
    """What the report says; ``rows`` are ordered from the best to the worst, failed ones last."""

    settings: Settings
    metric: str
    rows: tuple[Row, ...]
    results: tuple[RunResult, ...]
    scale: Scale | None
    """Quantiles of the relative U-Score; None with fewer than eight networks."""

    @property
    def left_out(self) -> list[str]:
        """Images that count for no network, own ones and those of the zero-shot set."""
        columns = [one for row in self.rows for one in (row.test, row.transfer) if one is not None]
        return sorted({name for one in columns for name in one.left_out})

    @property
    def higher_is_better(self) -> bool:
        return is_higher_better(self.metric)

    def row(self, network: str) -> Row:
        return next(row for row in self.rows if row.network == network)


def is_higher_better(metric: str) -> bool:
    """Also of metrics by class and of `mean_iou`."""
    return metric not in METRICS or METRICS[metric].better == "higher"


def summarise(
    settings: Settings, results: Sequence[RunResult], networks: Sequence[str], metric: str
) -> Summary:
    """Rows of ``networks`` by ``metric``. Images are the unit of every mean, interval and test."""
    rows = [_row(name, settings, results, metric) for name in networks]
    for which in ("test", "transfer") if settings.transfer else ("test",):
        rows = _tested(_on_common_images(rows, which), which, metric)
    rows, scale = _with_u_score(rows, metric)
    sign = -1 if is_higher_better(metric) else 1
    rows.sort(key=lambda r: (bool(r.failed), np.isnan(r.test.mean), sign * r.test.mean, r.network))
    kept = tuple(r for r in results if r.network in networks)
    return Summary(settings, metric, tuple(rows), kept, scale)


def fold_differences(
    row: Row, reference: Row, metric: str, *, transfer: bool = False
) -> list[float]:
    """Mean difference to the reference in each fold; folds without values are left out."""
    found = []
    theirs = {run.fold: run for run in reference.runs}
    for run in row.runs:
        if (other := theirs.get(run.fold)) is None:
            continue
        counted = (row.transfer if transfer and row.transfer else row.test).values
        own, its = (
            _column([s for s in scored if counted.get(s.name) is not None], metric).mean
            for scored in ((r.transfer if transfer else r.test) for r in (run, other))
        )
        if not np.isnan(own - its):
            found.append(own - its)
    return found


def _row(network: str, settings: Settings, results: Sequence[RunResult], metric: str) -> Row:
    runs = sorted((r for r in results if r.network == network), key=lambda r: r.fold)
    good = tuple(r for r in runs if not r.failed)
    failed = next((f"fold {r.fold}: {r.failed}" for r in runs if r.failed), "")
    if not failed and len(good) < settings.folds:
        failed = "not all of its folds were run"
    tested = [one for run in good for one in run.test]
    carried = [one for run in good for one in run.transfer]
    row = Row(
        network,
        _column(tested, metric),
        _column(carried, metric) if settings.transfer else None,
        failed,
        good,
    )
    if not good:
        return row
    return replace(
        row,
        fps=median(r.frames_per_second for r in good),
        steps=median(r.steps for r in good),
        seconds_per_image=median(one.seconds for one in tested),
    )


def _column(scored: Sequence[Scored], metric: str) -> Column:
    """An image that several models predicted (zero-shot) has the mean of their values."""
    found: dict[str, list[float | None]] = {}
    for one in scored:
        found.setdefault(one.name, []).append(one.values.get(metric))
    values = {
        name: fmean(known) if (known := [v for v in of if v is not None]) else None
        for name, of in found.items()
    }
    return _of_values(values)


def _of_values(values: dict[str, float | None]) -> Column:
    known = [v for v in values.values() if v is not None]
    return Column(values, fmean(known) if known else float("nan"), bootstrap_interval(known))


def _on_common_images(rows: list[Row], which: Literal["test", "transfer"]) -> list[Row]:
    """The rows with their means over the images that have a value for every network that ran.

    A network without any value is not waited for.
    """
    whole: list[Column] = [getattr(row, which) for row in rows if not row.failed]
    whole = [one for one in whole if not np.isnan(one.mean)]
    undefined = {name for one in whole for name, value in one.values.items() if value is None}

    def common(column: Column) -> Column:
        kept = {n: None if n in undefined else v for n, v in column.values.items()}
        return replace(_of_values(kept), left_out=tuple(sorted(undefined)))

    changes: list[dict[str, Any]] = [{which: common(getattr(row, which))} for row in rows]
    return [replace(row, **change) for row, change in zip(rows, changes, strict=True)]


def _tested(rows: list[Row], which: Literal["test", "transfer"], metric: str) -> list[Row]:
    """The rows with their tests against the reference, corrected together."""
    reference: Column = getattr(next(r for r in rows if r.network == REFERENCE), which)
    whole = not next(r for r in rows if r.network == REFERENCE).failed
    tests: dict[str, tuple[PairedTest, Interval]] = {}
    for row in rows:
        column: Column = getattr(row, which)
        if row.network == REFERENCE or row.failed or not whole:
            continue
        names = sorted(set(column.values) & set(reference.values))
        own = [column.values[n] for n in names]
        others = [reference.values[n] for n in names]
        apart = [a - b for a, b in zip(own, others, strict=True) if a is not None and b is not None]
        tests[row.network] = paired_t_test(own, others), bootstrap_interval(apart)
    corrected = dict(zip(tests, holm([t.p for t, _ in tests.values()]), strict=True))

    def versus(row: Row) -> Any:
        column: Column = getattr(row, which)
        if row.network not in tests:
            return column
        test, interval = tests[row.network]
        p = corrected[row.network]
        return replace(column, versus=Versus(test, p, interval, _verdict(test, p, metric)))

    return [replace(row, **{which: versus(row)}) for row in rows]


def _verdict(test: PairedTest, p: float, metric: str) -> Verdict:
    if np.isnan(p):
        return "untested"
    if p >= LEVEL:
        return "none"
    return "better" if (test.difference > 0) == is_higher_better(metric) else "worse"


def _with_u_score(rows: list[Row], metric: str) -> tuple[list[Row], Scale | None]:
    """Relative U-Scores of the IoU that is compared; none of other metrics."""
    if "iou" not in metric:
        return rows, None
    costs = {
        row.network: Cost(row.test.mean, row.parameters, row.macs, row.fps)
        for row in rows
        if not row.failed and not np.isnan(row.test.mean)
    }
    if len(costs) < FEWEST:
        return rows, None
    scale = relative_scale(list(costs.values()))
    return [
        replace(row, u_score=u_score(costs[row.network], scale)) if row.network in costs else row
        for row in rows
    ], scale
