"""What the parts of a project share: folder, document, notes for the user, background work."""

from __future__ import annotations

from pathlib import Path
from threading import Event, RLock
from typing import Any

from napari_unet.project.background import Background
from napari_unet.project.document import Document
from napari_unet.project.files import disk_error
from napari_unet.project.lock import FolderLock
from napari_unet.project.untitled import MODEL, untitled_root


class ProjectBase:
    """An open folder and its document."""

    def __init__(self, folder: Path, lock: FolderLock, document: Document) -> None:
        """Use :meth:`Project.create`, :meth:`Project.open` or :meth:`Project.create_untitled`."""
        self.folder = folder
        self._lock = lock
        self._document = document
        self._notes: list[str] = []
        self._noting = RLock()
        self._closing = Event()
        self._disk = Background("project-disk", self._note_error)
        self._hashing = Background("project-hashing", self._note_error)

    @property
    def untitled(self) -> bool:
        """Whether it was never saved under a name."""
        return self.folder.parent == untitled_root()

    @property
    def settings(self) -> dict[str, Any]:
        """What :meth:`update_settings` was given: network, preset, ..."""
        return dict(self._document.state.settings)

    def update_settings(self, **values: Any) -> None:
        """Keep JSON values by name; others stay as they are."""
        with self._document.lock:
            self._document.change(settings=self.settings | values)

    @property
    def model_path(self) -> Path:
        """Where the model is kept; the engine may replace it (atomically) at any time."""
        return self.folder / MODEL

    @property
    def has_model(self) -> bool:
        return self.model_path.exists()

    def take_notes(self) -> list[str]:
        """Sentences for the user since the last call."""
        with self._noting:
            notes, self._notes = self._notes, []
        return notes

    def _note(self, text: str) -> None:
        with self._noting:
            self._notes.append(text)

    def _note_error(self, error: Exception) -> None:
        if isinstance(error, OSError):
            error = disk_error(error, f"The project {self.folder}")
        self._note(str(error))
