"""The curve of a pruning: quality against size. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_unet.errors import UserError


@dataclass(frozen=True)
class Point:
    """The network after a round; round 0 is the model as it came.

    ``channels`` counts those of all layers, ``widths`` those of each. ``dice`` by class over all
    that is held out, taken as one (None = absent, or nothing is held out); ``steps`` and
    ``seconds`` of training since round 0.
    """

    round: int
    parameters: int
    channels: int
    widths: tuple[int, ...]
    dice: tuple[float | None, ...]
    steps: int
    seconds: float

    @property
    def mean_dice(self) -> float | None:
        """Mean over the classes that are present, background left out."""
        known = [d for d in self.dice[1:] if d is not None]
        return sum(known) / len(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """All of it, and the mean, by name."""
        return asdict(self) | {"mean_dice": self.mean_dice}


def parse_share(text: str) -> float:
    """Part of the parameters that stays: ``10%``, ``0.1``; more than none and less than all.

    :class:`UserError` for anything else.
    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = 0.0
    if rest or not 0 < share < 1:
        raise UserError(
            f"{text!r} is no part of the parameters that could stay: write it as 10% or 0.1."
        )
    return share


def percent_for(least: int, parameters: int) -> str:
    """A percentage of ``parameters`` of which ``least`` are left, with two digits.

    Rounded up: what is told as enough has to be enough.
    """
    percent = 100 * least / parameters
    digit = 10.0 ** (math.floor(math.log10(percent)) - 1)
    return f"{math.ceil(percent / digit) * digit:.3g}%"


def geometric(parameters: int, last: int, rounds: int) -> list[int]:
    """Parameters after each of ``rounds`` rounds from ``parameters`` to ``last``.

    Each round leaves the same part of what the one before left.
    """
    factor = (last / parameters) ** (1 / rounds)
    return [round(parameters * factor**n) for n in range(1, rounds)] + [last]


HEADINGS = ("round", "parameters", "of all", "channels", "Dice", "steps")


def table_row(point: Point, parameters: int) -> str:
    """One line of the table: a point, of a network that had ``parameters``."""
    dice = point.mean_dice
    return _line(
        str(point.round),
        f"{point.parameters:,}",
        f"{100 * point.parameters / parameters:.1f}%",
        str(point.channels),
        "-" if dice is None else f"{dice:.4f}",
        str(point.steps),
    )


def table(points: Sequence[Point]) -> str:
    """The curve as text, one line a point; Dice is "-" where nothing was held out."""
    return "\n".join([_line(*HEADINGS), *(table_row(p, points[0].parameters) for p in points)])


def sentence(points: Sequence[Point]) -> str:
    """The first and the last point in words."""
    first, last = points[0], points[-1]
    text = f"{last.parameters:,} of {first.parameters:,} parameters are left"
    if first.mean_dice is not None and last.mean_dice is not None:
        text += f"; Dice {last.mean_dice:.3f}, before {first.mean_dice:.3f}"
    return f"{text}."


def _line(*cells: str) -> str:
    return "".join(f"{cell:>{12 if n else 5}}" for n, cell in enumerate(cells))
