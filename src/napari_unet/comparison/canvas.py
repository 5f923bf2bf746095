"""A sheet to draw plots on, with Pillow: no plotting package is needed. Free of torch.

Lengths are in points of the sheet; everything is drawn larger and reduced at the end, so that lines
and dots are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT, GRID = "#ffffff", "#1d232b", "#6b7480", "#e3e6ea"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#d55e00", "#009e73", "#b3261e"
"""Okabe and Ito's colours, which colour-blind readers can tell apart, and a dark red."""

PIXELS = 2
"""Pixels of the picture for a point."""
_FINE = 2 * PIXELS


@dataclass(frozen=True)
class Axis:
    """Maps values from ``low`` to ``high`` to points from ``start`` to ``stop``."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def place(self, value: float) -> float:
        low, high, at = (
            (math.log(v) for v in (self.low, self.high, value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (at - low) / (high - low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values inside the axis, about five."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
                found = [f * 10.0**d for d in decades for f in factors]
                found = [v for v in found if self.low <= v <= self.high]
                if len(found) >= 3:
                    break
            return found
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def axis_over(
    values: Sequence[float], start: float, stop: float, *, log: bool = False, margin: float = 0.06
) -> Axis:
    """An axis with room for all values and a margin on both sides; nan and infinity are left out.

    Values of a logarithmic axis must be positive.
    """
    known = [v for v in values if math.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if log:
        span = max(math.log(high / low), 0.2)
        return Axis(
            low * math.exp(-margin * span), high * math.exp(margin * span), start, stop, log
        )
    span = (high - low) or max(abs(high), 1.0) * 0.1
    return Axis(low - margin * span, high + margin * span, start, stop)


class Sheet:
    """A white sheet of ``width`` x ``height`` points."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        size = (round(width * _FINE), round(height * _FINE))
        self._image = Image.new("RGB", size, PAPER)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        fine = [(x * _FINE, y * _FINE) for x, y in points]
        self._draw.line(fine, colour, max(1, round(width * _FINE)))

    def dashed(self, x: float, top: float, bottom: float, colour: str) -> None:
        """An upright dashed line."""
        y = top
        while y < bottom:
            self.line([(x, y), (x, min(y + 4, bottom))], colour, 1.2)
            y += 7

    def dot(self, x: float, y: float, radius: float, colour: str, opacity: float = 1.0) -> None:
        fill = colour + f"{round(255 * opacity):02x}"
        box = [
            (x - radius) * _FINE,
            (y - radius) * _FINE,
            (x + radius) * _FINE,
            (y + radius) * _FINE,
        ]
        self._draw.ellipse(box, fill)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        colour: str = INK,
        anchor: str = "lm",
    ) -> None:
        """``anchor`` as Pillow has it: l, m, r and a (top), m, s (baseline)."""
        self._draw.text((x * _FINE, y * _FINE), text, colour, _font(size), anchor=anchor)

    def text_width(self, text: str, size: float = 12) -> float:
        return self._draw.textlength(text, _font(size)) / _FINE

    def grid(self, across: Axis, upright: Axis) -> None:
        """Lines at the ticks of both axes, with their numbers."""
        for value in upright.ticks():
            y = upright.place(value)
            self.line([(across.start, y), (across.stop, y)], GRID)
            self.text(across.start - 6, y, short(value), size=11, colour=FAINT, anchor="rm")
        for value in across.ticks():
            x = across.place(value)
            self.line([(x, upright.stop), (x, upright.start)], GRID)
            self.text(x, upright.start + 12, short(value), size=11, colour=FAINT, anchor="mm")

    def picture(self) -> Image.Image:
        """The sheet as an RGB picture."""
        size = (round(self.width * PIXELS), round(self.height * PIXELS))
        return self._image.resize(size, Image.Resampling.LANCZOS)


def short(value: float) -> str:
    """A tick's label: 0.25, 1.5 k, 30 M."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{round(value, 10):g}"


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _FINE)
