"""Scores with their intervals, and the band in which they will probably go on; painted directly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_unet.forecast.forecasts import Forecast
from napari_unet.plugin.plots import COLORS, frame
from napari_unet.plugin.widgets import on_dark


@dataclass(frozen=True)
class Point:
    """A score at ``x`` with the limits of its interval, where there are any."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class BandPlot(QWidget):
    """IoU against seconds or labels. ``text_of`` writes a number of the lower axis."""

    def __init__(self, text_of: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(150)
        self.setMaximumHeight(240)
        self.setToolTip(
            "Points: scores on what is held out, with their 95 % interval. Band: where the level "
            "probably is (90 %), dashed from now on."
        )
        self._text_of = text_of
        self.points: list[Point] = []
        self.forecast: Forecast | None = None

    def show_curve(self, points: Sequence[Point], forecast: Forecast | None) -> None:
        """Draw anew."""
        self.points, self.forecast = list(points), forecast
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        area, text = frame(painter, self, left=36, top=8, right=10, bottom=22)
        if not self.points:
            painter.setPen(text)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "no score yet")
            return
        xs, ys = self._ranges()
        place = _Place(area, xs, ys)
        self._axes(painter, area, xs, ys, text)
        if self.forecast is not None and self.forecast.x is not None:
            self._band(painter, place, self.forecast)
        _, color = COLORS[on_dark(self)]
        pale = QColor(color)
        pale.setAlpha(110)
        for point in self.points:
            if point.low is not None and point.high is not None:
                painter.setPen(QPen(pale, 1.4))
                painter.drawLine(place(point.x, point.low), place(point.x, point.high))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawEllipse(place(point.x, point.y), 2.6, 2.6)

    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        xs = [p.x for p in self.points]
        ys = [v for p in self.points for v in (p.y, p.low, p.high) if v is not None]
        known = self.forecast
        if known is not None and known.x is not None:
            xs += [float(known.x[-1])]
            for edge in (known.lower, known.upper):
                assert edge is not None
                ys += [float(edge.min()), float(edge.max())]
        low, high = max(0.0, min(ys) - 0.02), min(1.0, max(ys) + 0.02)
        return (0.0, max(xs) * 1.02 or 1.0), (low, max(high, low + 0.05))

    def _axes(
        self,
        painter: QPainter,
        area: QRectF,
        xs: tuple[float, float],
        ys: tuple[float, float],
        text: QColor,
    ) -> None:
        painter.setPen(text)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for part in (0.0, 0.5, 1.0):
            value = ys[0] + part * (ys[1] - ys[0])
            y = area.bottom() - part * area.height()
            painter.drawText(QRectF(0, y - 8, area.left() - 4, 16), right, f"{value:.2f}")
        for part, side in (
            (0.0, Qt.AlignmentFlag.AlignLeft),
            (0.5, Qt.AlignmentFlag.AlignHCenter),
            (1.0, Qt.AlignmentFlag.AlignRight),
        ):
            label = self._text_of(xs[0] + part * (xs[1] - xs[0]))
            below = QRectF(area.left(), area.bottom() + 3, area.width(), 16)
            painter.drawText(below, side, label)

    def _band(self, painter: QPainter, place: _Place, known: Forecast) -> None:
        assert known.x is not None
        assert known.lower is not None
        assert known.middle is not None
        assert known.upper is not None
        color, _ = COLORS[on_dark(self)]
        pale = QColor(color)
        pale.setAlpha(60)
        upper = [place(x, y) for x, y in zip(known.x, known.upper, strict=True)]
        lower = [place(x, y) for x, y in zip(known.x, known.lower, strict=True)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(pale)
        painter.drawPolygon(QPolygonF([*upper, *lower[::-1]]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        now = float(known.x[-1]) - known.more
        past = known.x <= now * (1 + 1e-9)
        for part, style in ((past, Qt.PenStyle.SolidLine), (~past, Qt.PenStyle.DashLine)):
            inside = np.flatnonzero(part)
            if style == Qt.PenStyle.DashLine:  # from the present on
                inside = np.concatenate([np.flatnonzero(past)[-1:], inside])
            painter.setPen(QPen(color, 1.6, style))
            middle = [place(known.x[n], known.middle[n]) for n in inside]
            painter.drawPolyline(QPolygonF(middle))


@dataclass(frozen=True)
class _Place:
    """From values to pixels."""

    area: QRectF
    xs: tuple[float, float]
    ys: tuple[float, float]

    def __call__(self, x: float, y: float) -> QPointF:
        across = (float(x) - self.xs[0]) / (self.xs[1] - self.xs[0])
        up = (min(max(float(y), self.ys[0]), self.ys[1]) - self.ys[0]) / (self.ys[1] - self.ys[0])
        return QPointF(
            self.area.left() + across * self.area.width(),
            self.area.bottom() - up * self.area.height(),
        )
