"""Curves of training, painted directly: loss below, validation IoU above, over the same steps."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_unet.plugin.widgets import on_dark

COLORS = {
    True: (QColor("#f0a050"), QColor("#4fb3ff")),
    False: (QColor("#b35900"), QColor("#0064b4")),
}
"""Of the loss and of the IoU, on dark and on light."""


def frame(
    painter: QPainter, widget: QWidget, *, left: int, top: int, right: int, bottom: int
) -> tuple[QRectF, QColor]:
    """Draw the frame of a plot inside these margins, in pixels; its area, and the text's colour."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    text = widget.palette().color(widget.foregroundRole())
    faint = QColor(text)
    faint.setAlpha(70)
    font = painter.font()
    font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
    painter.setFont(font)
    width, height = widget.width() - left - right, widget.height() - top - bottom
    area = QRectF(left, top, max(10, width), max(10, height))
    painter.setPen(QPen(faint, 1))
    painter.drawRect(area)
    return area, text


class CurvePlot(QWidget):
    """Loss (smoothed, left axis) and mean validation IoU (right axis) against the step."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(110)
        self.setMaximumHeight(150)
        self.setToolTip(
            "Orange: training loss, smoothed (left axis). Blue: IoU on labels that are held out "
            "and never trained on (right axis)."
        )
        self._losses: list[tuple[int, float]] = []
        self._scores: list[tuple[int, float]] = []

    def show_curves(self, losses: list[tuple[int, float]], scores: list[tuple[int, float]]) -> None:
        """Draw anew; long curves are thinned and smoothed first."""
        self._losses = _smoothed(losses)
        self._scores = scores
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        painter = QPainter(self)
        area, text = frame(painter, self, left=36, top=18, right=36, bottom=18)
        if not self._losses:
            return
        loss_color, iou_color = COLORS[on_dark(self)]
        last = max(self._losses[-1][0], 2)
        low = min(v for _, v in self._losses)
        high = max(max(v for _, v in self._losses), low + 1e-3)
        self._curve(painter, area, self._losses, last, low, high, loss_color)
        for step, value in self._scores:
            point = _place(area, step, value, last, 0, 1)
            painter.setBrush(iou_color)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(point, 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._curve(painter, area, self._scores, last, 0, 1, iou_color)
        self._legend(painter, area, low, high, last, text)

    def _curve(
        self,
        painter: QPainter,
        area: QRectF,
        points: list[tuple[int, float]],
        last: int,
        low: float,
        high: float,
        color: QColor,
    ) -> None:
        painter.setPen(QPen(color, 1.6))
        painter.drawPolyline(
            QPolygonF([_place(area, step, value, last, low, high) for step, value in points])
        )

    def _legend(
        self, painter: QPainter, area: QRectF, low: float, high: float, last: int, text: QColor
    ) -> None:
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        x, y, bottom = area.left(), area.top(), area.bottom()
        loss_color, iou_color = COLORS[on_dark(self)]
        painter.setPen(loss_color)
        painter.drawText(QRectF(0, y - 6, x - 4, 12), right, f"{high:.2g}")
        painter.drawText(QRectF(0, bottom - 8, x - 4, 12), right, f"{low:.2g}")
        painter.drawText(
            QRectF(x, 0, area.width() / 2, 16), left, f"loss {self._losses[-1][1]:.3f}"
        )
        painter.setPen(iou_color)
        painter.drawText(QRectF(area.right() + 4, y - 6, 32, 12), left, "1")
        painter.drawText(QRectF(area.right() + 4, bottom - 8, 32, 12), left, "0")
        score = f"held-out IoU {self._scores[-1][1]:.2f}" if self._scores else "no held-out IoU yet"
        painter.drawText(QRectF(x, 0, area.width(), 16), right, score)
        painter.setPen(text)
        painter.drawText(QRectF(x, bottom + 2, area.width(), 16), left, "0")
        painter.drawText(QRectF(x, bottom + 2, area.width(), 16), right, f"step {last}")


def _place(area: QRectF, step: int, value: float, last: int, low: float, high: float) -> QPointF:
    part = (min(max(value, low), high) - low) / (high - low)
    return QPointF(area.left() + area.width() * step / last, area.bottom() - area.height() * part)


def _smoothed(losses: list[tuple[int, float]], points: int = 200) -> list[tuple[int, float]]:
    """Means over equal stretches, at most ``points`` of them."""
    finite = [(s, v) for s, v in losses if math.isfinite(v)]
    size = max(1, min(10, len(finite) // 10), math.ceil(len(finite) / points))
    parts = [finite[i : i + size] for i in range(0, len(finite), size)]
    return [(p[-1][0], sum(v for _, v in p) / len(p)) for p in parts]
