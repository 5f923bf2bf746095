"""Small pictures of pieces: greys, classes in colour on top, weights as heat. Numpy and Qt only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QLabel

Rgb = npt.NDArray[np.uint8]


def grey(image: npt.NDArray[Any]) -> Rgb:
    """A normalised image (channel, y, x), about -1..1, as (y, x, 3); 2 to 4 channels in colour."""
    shown = np.clip((image + 1) * 127.5, 0, 255).astype(np.uint8)
    if len(shown) == 1:
        return np.repeat(shown[0][..., None], 3, -1)
    three = np.zeros((3, *shown.shape[1:]), np.uint8)
    three[: min(3, len(shown))] = shown[:3]
    return np.ascontiguousarray(np.moveaxis(three, 0, -1))


def heat(values: npt.NDArray[Any], top: float) -> Rgb:
    """Black over red and yellow to white, 0..``top``."""
    t = np.clip(values / max(top, 1e-6), 0, 1) * 3
    return (np.clip(np.stack([t, t - 1, t - 2], -1), 0, 1) * 255).astype(np.uint8)


def coloured(base: Rgb, classes: npt.NDArray[np.uint8], colors: Sequence[str]) -> Rgb:
    """Classes above 0 in their colours; what is not labelled (255) is darkened."""
    shown = base.astype(np.float32)
    shown[classes == 255] *= 0.45
    for number, color in enumerate(colors):
        if number:
            tint = np.array(QColor(color).getRgb()[:3], np.float32)
            shown[classes == number] = 0.55 * shown[classes == number] + 0.45 * tint
    return shown.astype(np.uint8)


class Picture(QLabel):
    """A picture that can be clicked; a warned one has an orange frame, a chosen one a blue one."""

    def __init__(self, name: str, clicked: Callable[[], Any]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._clicked = clicked

    def show_picture(self, rgb: Rgb, side: int, frame: str = "") -> None:
        """Fit ``rgb`` (y, x, 3) into a square of ``side`` pixels of the screen."""
        rgb = np.ascontiguousarray(rgb)
        height, width = rgb.shape[:2]
        image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        pixmap = QPixmap.fromImage(image).scaled(
            side,
            side,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        if frame:
            painter = QPainter(pixmap)
            painter.setPen(QPen(QColor(frame), 6))
            painter.drawRect(pixmap.rect())
            painter.end()
        self.setPixmap(pixmap)

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """As a button."""
        self._clicked()
