"""Unsaved work of a napari that ended without saving: offered, never opened by itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout

from napari_unet.plugin.project_link import open_project
from napari_unet.plugin.session import Session
from napari_unet.plugin.widgets import Section, button, words
from napari_unet.project.project import discard, unfinished


class RestoreSection(Section):
    """One sentence, Restore and Discard; hidden where there is nothing to restore."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.text = words()
        self._found: list[Path] = []
        row = QHBoxLayout()
        row.addWidget(button("Restore", "Open what was kept", self.guard(self._restore)))
        row.addWidget(
            button("Discard", "Delete what was kept; this cannot be undone", self.guard(self._drop))
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.offer()

    def offer(self) -> None:
        """Look for unsaved work. Nothing is offered where a project is open already."""
        self._found = unfinished() if self.session.project.project is None else []
        if not self._found:
            self.hide()
        else:
            more = f" There are {len(self._found)} such projects." if len(self._found) > 1 else ""
            self.text.setText(f"Unsaved work of {_when(self._found[0])} was found.{more}")

    def _restore(self) -> None:
        folder = self._found[0]
        open_project(self.session, folder)
        self.hide()

    def _drop(self) -> None:
        discard(self._found[0])
        self.offer()


def _when(folder: Path) -> str:
    """Day and time in the name of an untitled project, as people write them."""
    try:
        then = datetime.strptime(folder.name[:19], "%Y-%m-%d-%H-%M-%S")
    except ValueError:
        return folder.name
    today = then.date() == datetime.now().date()
    return then.strftime("today %H:%M" if today else "%d %B %Y %H:%M")
