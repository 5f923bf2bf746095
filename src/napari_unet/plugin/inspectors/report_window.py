"""The report of a comparison in a window of its own: Markdown with its pictures."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QImage, QTextCursor, QTextDocument
from qtpy.QtWidgets import QTextBrowser, QVBoxLayout, QWidget

from napari_unet.plugin.widgets import button

WIDTH = 860
"""Pixels that a picture is wide; in the file it has twice as many."""


class ReportBrowser(QTextBrowser):
    """Shows report.md; links lead out of the window."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setObjectName("report")
        self._folder = path.parent
        self.setOpenExternalLinks(True)
        self.document().setMarkdown(path.read_text("utf-8"))
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def loadResource(self, kind: int, name: QUrl) -> object:  # noqa: N802
        """Pictures of the folder, reduced to the width of the window."""
        picture = self._folder / name.toString()
        image = QTextDocument.ResourceType.ImageResource
        if kind in (image, image.value) and picture.is_file():
            return QImage(str(picture)).scaledToWidth(
                WIDTH, Qt.TransformationMode.SmoothTransformation
            )
        return super().loadResource(kind, name)


def report_window(path: Path, parent: QWidget) -> QWidget:
    """A window with the report that lives until it is closed."""
    window = QWidget(parent, Qt.WindowType.Window)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    window.setWindowTitle(f"Comparison of networks: {path.parent}")
    layout = QVBoxLayout(window)
    layout.addWidget(ReportBrowser(path), 1)
    folder = QUrl.fromLocalFile(str(path.parent))
    layout.addWidget(
        button("Open the folder", "Report, pictures, CSV and JSON", lambda: open_url(folder))
    )
    window.resize(WIDTH + 80, 800)
    window.show()
    return window


def open_url(url: QUrl) -> None:
    """With what the desktop has for it."""
    QDesktopServices.openUrl(url)
