"""From scores to one sentence: what more time, or more labels, would buy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_unet.forecast.curve import possible_curves
from napari_unet.forecast.points import HeldOutScore, TrainingRecord, stretches

Array = npt.NDArray[np.float64]
Kind = Literal["gain", "maybe", "nothing", "worse", "cannot"]

CONFIDENCE = 0.9
MEASURABLE = 0.01
"""IoU below which a gain is none."""
TOO_WIDE = 0.25
"""IoU between the limits of a gain from which on nothing is said."""
SCORES, TRAININGS = 6, 4
"""Fewer are not followed any further."""
SHORTEST = 60.0
"""Seconds."""
NICE = (60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14400)
LONGEST = 1800
"""Seconds that are looked ahead when nobody asks for more."""
PLACES = 24
"""Where the band is drawn."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """``sentence`` is all a person needs; the rest is for plots and tests.

    ``more`` seconds, labelled pixels or objects would change the score by ``gain``, with 90 %
    by ``low`` to ``high``: next score less present level. ``x``, ``lower``, ``middle``, ``upper``:
    the band of the level, from the first score to the end of the forecast.
    """

    kind: Kind
    sentence: str
    more: float = 0.0
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    x: Array | None = None
    lower: Array | None = None
    middle: Array | None = None
    upper: Array | None = None


def forecast_time(scores: Sequence[HeldOutScore], more: float | None = None) -> Forecast:
    """What ``more`` seconds would buy (None: about as many as were trained, 30 minutes at most).

    Only scores since the labels last changed count, and nothing is said about more time than has
    passed since.
    """
    known = [s for s in scores if s.mean is not None]
    if not known:
        return Forecast(
            "cannot", "No forecast: no score yet. It needs labels that can be held out."
        )
    parts = stretches(known)
    since = parts[-1]
    began = parts[-2][-1].seconds if len(parts) > 1 else 0.0
    passed = since[-1].seconds - began
    if len(since) < SCORES or passed < SHORTEST:
        why = "The labels have changed: the forecast begins anew" if began else "Too early to say"
        count = min(len(since), SCORES)
        return Forecast(
            "cannot", f"{why} ({count} of {SCORES} scores, {_span(passed)} of {_span(SHORTEST)})."
        )
    most = max((n for n in NICE if n <= min(passed, LONGEST)), default=SHORTEST)
    ahead = float(most) if more is None else float(more)
    if ahead > passed * 1.001:
        return Forecast(
            "cannot",
            f"Nobody can say for {_span(ahead)} more: training with these labels has run for "
            f"{_span(passed)}.",
        )
    x = np.array([s.seconds for s in since])
    y = np.array([s.mean for s in since], np.float64)
    return _forecast(
        x,
        y,
        ahead,
        amount=f"{_span(ahead)} more",
        words=("More time", "buys"),
        other="more labels might",
        worse="Stop, or go back with the time machine",
    )


def forecast_labels(
    trainings: Iterable[TrainingRecord],
    unit: Literal["pixels", "objects"] = "pixels",
    more: float | None = None,
) -> Forecast:
    """What ``more`` labelled pixels (or objects) would buy (None: as many again).

    Trainings with about the same amount of labels count once, the longest of them.
    """

    def amount(record: TrainingRecord) -> int:
        return record.labelled if unit == "pixels" else record.objects

    chosen: list[TrainingRecord] = []
    for record in sorted(trainings, key=lambda r: (amount(r), r.seconds)):
        if not amount(record):
            continue
        if chosen and amount(record) <= 1.1 * amount(chosen[-1]):
            if record.seconds >= chosen[-1].seconds:
                chosen[-1] = record
        else:
            chosen.append(record)
    what = "labelled pixels" if unit == "pixels" else "labelled objects"
    if len(chosen) < TRAININGS:
        return Forecast(
            "cannot",
            f"What more {what} would buy shows when training has run with {TRAININGS} different "
            f"amounts of them for a while ({len(chosen)} so far).",
        )
    x = np.array([amount(r) for r in chosen], np.float64)
    y = np.array([r.last for r in chosen])
    if x[-1] < 2 * x[0]:
        return Forecast(
            "cannot",
            f"What more {what} would buy shows when there are twice as many as at first: "
            f"{x[0]:,.0f} then, {x[-1]:,.0f} now.",
        )
    ahead = float(_rounded(x[-1])) if more is None else float(more)
    if ahead > x[-1] * 1.05:
        return Forecast("cannot", f"Nobody can say for more than twice the {what} there are.")
    return _forecast(
        x,
        y,
        ahead,
        amount=f"{ahead:,.0f} more {what}",
        words=("More labels like these", "buy"),
        other="labels at other places, or more time, might",
        worse="Look for wrong labels",
    )


def _forecast(
    x: Array,
    y: Array,
    ahead: float,
    *,
    amount: str,
    words: tuple[str, str],
    other: str,
    worse: str,
) -> Forecast:
    last = float(x[-1])
    places = np.concatenate(
        [np.linspace(x[0], last, PLACES), np.linspace(last, last + ahead, PLACES)[1:]]
    )
    now, end = PLACES - 1, len(places) - 1
    curves = possible_curves(x, y, places)
    tail = (1 - CONFIDENCE) / 2
    gains = curves.score[:, end] - curves.level[:, now]
    low, gain, high = (float(v) for v in np.quantile(gains, [tail, 0.5, 1 - tail]))
    lower, middle, upper = np.quantile(curves.level, [tail, 0.5, 1 - tail], axis=0)
    limits = f"{_signed(low)} to {_signed(high)}"
    kind: Kind
    if high - low > TOO_WIDE:
        kind = "cannot"
        sentence = (
            f"The scores jump too much to say what {amount} would buy (anything from {limits})."
        )
    elif high < -MEASURABLE:
        kind = "worse"
        sentence = f"It is getting worse: {amount} would cost {-gain:.2f} ({limits}). {worse}."
    elif gain < MEASURABLE and high > 3 * MEASURABLE:
        kind = "maybe"
        sentence = f"It is not clear whether {amount} would buy anything ({limits})."
    elif gain < MEASURABLE:
        kind = "nothing"
        surely = "" if high < 2 * MEASURABLE else "probably "
        what = f"{words[0]} {surely}{words[1]} nothing measurable"
        sentence = f"{what} ({amount}: {limits}); {other}."
    elif low > 0:
        kind = "gain"
        sentence = f"About {amount} would buy {_signed(gain)} ({limits})."
    else:
        kind = "maybe"
        sentence = f"About {amount} may buy {_signed(gain)}, but that is not sure ({limits})."
    return Forecast(kind, sentence, ahead, gain, low, high, places, lower, middle, upper)


def _span(seconds: float) -> str:
    """In words: 45 seconds, 5 minutes, 2 hours."""
    for unit, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= unit or unit == 1:
            number = round(seconds / unit, 0 if seconds >= 3 * unit else 1)
            return f"{number:g} {name}" + ("" if number == 1 else "s")
    raise AssertionError


def _signed(value: float) -> str:
    """With a sign, but never "-0.00"."""
    return f"{round(value, 2) + 0.0:+.2f}"


def _rounded(value: float) -> float:
    """To two significant digits."""
    return float(f"{value:.2g}")
